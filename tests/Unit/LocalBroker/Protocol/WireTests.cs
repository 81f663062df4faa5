using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Protocol;

public sealed class WireTests
{
    [Test]
    public void Crc32C_matches_the_known_vector() => Assert.That(Crc32C.Of("123456789"u8), Is.EqualTo(0xE3069283));

    [TestCase(0)]
    [TestCase(-1)]
    [TestCase(63)]
    [TestCase(64)]
    [TestCase(int.MaxValue)]
    [TestCase(int.MinValue)]
    public void Varints_come_back_as_they_were(int value)
    {
        using var writer = new WireWriter();
        writer.WriteVarInt(value);
        writer.WriteVarLong(value * 4_000_000_000L);
        writer.WriteUnsignedVarInt(unchecked((uint)value));
        var reader = new WireReader(writer.Written.Span);
        Assert.That(reader.ReadVarInt(), Is.EqualTo(value));
        Assert.That(reader.ReadVarLong(), Is.EqualTo(value * 4_000_000_000L));
        Assert.That(reader.ReadUnsignedVarInt(), Is.EqualTo(unchecked((uint)value)));
        Assert.That(reader.Remaining, Is.Zero);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Strings_and_arrays_come_back_in_both_encodings(bool flexible)
    {
        using var writer = new WireWriter(1) { Flexible = flexible };
        writer.WriteString("käse");
        writer.WriteString(null);
        writer.WriteString("");
        writer.WriteArrayLength(1);
        writer.WriteBytes([1, 2, 3]);
        writer.WriteArrayLength(-1);
        writer.WriteTags();
        var reader = new WireReader(writer.Written.Span) { Flexible = flexible };
        Assert.That(reader.ReadString(), Is.EqualTo("käse"));
        Assert.That(reader.ReadNullableString(), Is.Null);
        Assert.That(reader.ReadString(), Is.Empty);
        Assert.That(reader.ReadArrayLength(), Is.EqualTo(1));
        Assert.That(reader.ReadBytes().ToArray(), Is.EqualTo(new byte[] { 1, 2, 3 }));
        Assert.That(reader.ReadArrayLength(), Is.EqualTo(-1));
        reader.SkipTags();
        Assert.That(reader.Remaining, Is.Zero);
    }

    [TestCase("7fffffff", Description = "an array of two thousand million elements")]
    [TestCase("fffffffe", Description = "a negative length")]
    public void An_array_longer_than_the_frame_is_refused(string hex) =>
        Assert.That(() => new WireReader(Convert.FromHexString(hex)).ReadArrayLength(), Throws.InstanceOf<MalformedRequestException>());

    [Test]
    public void Unknown_tagged_fields_are_skipped()
    {
        var reader = new WireReader(Convert.FromHexString("0205020a0b07017f63")) { Flexible = true };
        reader.SkipTags();
        Assert.That(reader.ReadInt8(), Is.EqualTo(0x63));
    }

    [Test]
    public void A_too_new_ApiVersions_is_answered_as_Kafka_does()
    {
        using var writer = new WireWriter();
        Key18ApiVersions.Write(writer, 0, ErrorCode.UnsupportedVersion, [Key18ApiVersions.Range]);
        Assert.That(Convert.ToHexString(writer.Written.Span), Is.EqualTo("0023" + "00000001" + "0012" + "0000" + "0003"));
    }

    [Test]
    public void A_marker_has_the_bytes_that_Kafka_writes()
    {
        byte[] commit = ControlBatch.Marker(5, 1, commit: true, timestamp: 7);
        byte[] abort = ControlBatch.Marker(5, 1, commit: false, timestamp: 7);
        Assert.That(Convert.ToHexString(commit.AsSpan(RecordBatch.HeaderSize)), Is.EqualTo("2000000008000000010C00000000000000"));
        Assert.That(Convert.ToHexString(abort.AsSpan(RecordBatch.HeaderSize)), Is.EqualTo("2000000008000000000C00000000000000"));
        Assert.That((RecordBatch.IsCrcValid(commit), ControlBatch.IsCommit(commit), ControlBatch.IsCommit(abort)), Is.EqualTo((true, true, false)));
    }

    [Test]
    public void Random_bytes_parse_or_are_refused_but_never_read_beyond_the_frame()
    {
        const int seed = 20261121;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        int parsed = 0, refused = 0;
        for (int i = 0; i < 50_000; i++)
        {
            var frame = new byte[random.Next(0, 120)];
            random.NextBytes(frame);
            // Small lengths get further into a message than random ones would.
            for (int j = 0; j < frame.Length; j++)
                frame[j] = random.Next(3) > 0 ? (byte)random.Next(0, 4) : frame[j];
            try
            {
                ParseOne(i % 12, frame);
                parsed++;
            }
            catch (MalformedRequestException)
            {
                refused++;
            }
        }

        Assert.That(parsed, Is.GreaterThan(100), "the inputs never get through");
        Assert.That(refused, Is.GreaterThan(1000), "the inputs never go wrong");
    }

    private static void ParseOne(int which, byte[] frame)
    {
        var reader = new WireReader(frame);
        switch (which)
        {
            case 0: Key00Produce.Read(ref reader, 7); break;
            case 1: Key01Fetch.Read(ref reader, 11); break;
            case 2: Key02ListOffsets.Read(ref reader, 5); break;
            case 3: Key03Metadata.Read(ref reader, 8); break;
            case 4: Key08OffsetCommit.Read(ref reader, 7); break;
            case 5: reader.Flexible = true; Key09OffsetFetch.Read(ref reader, 7); break;
            case 6: Key11JoinGroup.Read(ref reader, 5); break;
            case 7: Key14SyncGroup.Read(ref reader, 3); break;
            case 8: reader.Flexible = true; Key28TxnOffsetCommit.Read(ref reader, 3); break;
            case 9: Key19CreateTopics.Read(ref reader); break;
            case 10: Key24AddPartitionsToTxn.Read(ref reader); break;
            default: reader.Flexible = true; Key18ApiVersions.Read(ref reader, 3); break;
        }
    }
}
