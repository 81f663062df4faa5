using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Unit.LocalBroker.Fuzz;

/// <summary>Record batches from hostile producers: accepted or refused by an error code, never an exception, never memory without end.</summary>
public sealed class RecordFuzzTests
{
    private const long UnpackedBytesMax = 64L * 1024 * 1024;
    private static readonly LogConfig Compacted = new() { Compact = true, TimestampAfterMaxMs = long.MaxValue };

    [Test]
    public void Any_broken_batch_is_accepted_or_refused_by_a_code()
    {
        var random = new Random(FuzzSettings.Seed);
        int count = FuzzSettings.Count / 10;
        TestContext.Progress.WriteLine($"record fuzz: seed {FuzzSettings.Seed}, {count} batches");
        byte[][] valid = [.. Enum.GetValues<Codec>().Select(Packed)];
        var answers = new Dictionary<ErrorCode, int>();
        for (int i = 0; i < count; i++)
        {
            byte[] batch = [.. valid[random.Next(valid.Length)]];
            for (int broken = random.Next(1, 6); broken > 0; broken--)
                batch[random.Next(random.Next(3) == 0 ? 0 : RecordBatch.HeaderSize, batch.Length)] = (byte)random.Next(256);
            if (random.Next(5) == 0)
                batch = batch[..random.Next(batch.Length)];
            // Most keep an honest length and checksum, or nothing behind those checks would be reached.
            if (batch.Length >= RecordBatch.HeaderSize && random.Next(10) > 0)
            {
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(8), batch.Length - RecordBatch.LogOverhead);
                TestBatch.Sealed(batch);
            }

            try
            {
                ErrorCode error = BatchValidation.Check(batch, 8, Compacted, 1_000_000, out _).Error;
                answers[error] = answers.GetValueOrDefault(error) + 1;
                if (error == ErrorCode.None)
                    RecordKeys.FirstAtOrAfter(batch, random.NextInt64(), 0);
            }
            catch (Exception e)
            {
                Assert.Fail($"batch {i}, {Convert.ToHexString(batch)}: {e}");
            }
        }

        TestContext.Progress.WriteLine($"record fuzz: {string.Join(", ", answers.Select(a => $"{a.Value} {a.Key}"))}");
        Assert.That(answers.Keys, Is.SupersetOf(new[] { ErrorCode.None, ErrorCode.InvalidRecord, ErrorCode.CorruptMessage }));
    }

    [Test]
    public void A_bomb_is_refused_before_it_fills_the_memory([Values(1, 2, 3, 4)] int codec)
    {
        if (codec == 4 && !Zstd.IsAvailable)
            Assert.Ignore("libzstd is not installed.");
        byte[] batch = WithRecords(TestBatch.Of("key").Build(), (Codec)codec, (Codec)codec switch
        {
            Codec.Gzip => PackedRecords.Gzip(new byte[1 << 20], 100),
            Codec.Snappy => [0x80, 0x80, 0x80, 0x80, 0x04, 0x00, 0x61, .. Enumerable.Repeat<byte[]>([0xFE, 0x01, 0x00], 300_000).SelectMany(b => b)],
            Codec.Zstd => PackedRecords.ZstdRuns(2000),
            _ => PackedRecords.Lz4Frame([0x1F, 0x61, 0x01, 0x00, .. Enumerable.Repeat((byte)0xFF, 900_000), 0x00]),
        });
        Assert.That(batch, Has.Length.LessThan(1_048_588), "small enough to be taken");
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(BatchValidation.Check(batch, 8, Compacted, 1_000_000, out _).Error, Is.EqualTo(ErrorCode.InvalidRecord));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(4 * UnpackedBytesMax));
    }

    [Test]
    public void Records_packed_by_each_codec_are_read([Values(0, 1, 2, 3, 4)] int codec) =>
        Assert.That(BatchValidation.Check(Packed((Codec)codec), 8, Compacted, 1_000_000, out _).Error, Is.EqualTo(ErrorCode.None));

    private static byte[] Packed(Codec codec)
    {
        byte[] batch = TestBatch.Of("one", "two", "three", "four").Build();
        byte[] records = batch[RecordBatch.HeaderSize..];
        return WithRecords(batch, codec, PackedRecords.Pack((int)codec, records));
    }

    private static byte[] WithRecords(byte[] batch, Codec codec, byte[] records)
    {
        byte[] packed = [.. batch[..RecordBatch.HeaderSize], .. records];
        BinaryPrimitives.WriteInt32BigEndian(packed.AsSpan(8), packed.Length - RecordBatch.LogOverhead);
        BinaryPrimitives.WriteInt16BigEndian(packed.AsSpan(RecordBatch.AttributesOffset), (short)codec);
        return TestBatch.Sealed(packed);
    }
}
