using Google.Protobuf;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>The decoder that reads in place, held equal to the generated parser.</summary>
public sealed class EventFieldsTests
{
    [Test]
    public void Any_event_reads_as_the_generated_parser_reads_it()
    {
        var random = new Random(11);
        for (var i = 0; i < 2_000; i++) AssertSame(RandomEvent(random).ToByteArray(), $"event {i}");
    }

    [Test]
    public void Damaged_events_read_as_the_generated_parser_reads_them()
    {
        var random = new Random(13);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = RandomEvent(random).ToByteArray();
            for (var flips = random.Next(1, 4); flips > 0 && bytes.Length > 0; flips--) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            if (random.Next(3) == 0) bytes = bytes[..random.Next(bytes.Length + 1)];
            AssertSame(bytes, $"event {i}: {Convert.ToHexString(bytes)}");
        }
    }

    [Test]
    public void Garbage_reads_as_the_generated_parser_reads_it()
    {
        var random = new Random(17);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(12)];
            random.NextBytes(bytes);
            // Small tags, so that much of it is nearly valid.
            if (bytes.Length > 0) bytes[0] = (byte)random.Next(64);
            AssertSame(bytes, $"garbage {i}: {Convert.ToHexString(bytes)}");
        }
    }

    [TestCase("", Description = "no field")]
    [TestCase("0801 0802", Description = "a field twice: the last wins")]
    [TestCase("08FFFFFFFFFFFFFFFFFF01", Description = "-1 in ten bytes")]
    [TestCase("08FFFFFFFFFFFFFFFFFF7F", Description = "bits beyond the 64th")]
    [TestCase("08FFFFFFFFFFFFFFFFFFFF01", Description = "eleven bytes")]
    [TestCase("0A0101", Description = "a number field as bytes")]
    [TestCase("33 3801 34", Description = "an unknown group")]
    [TestCase("33 3801", Description = "a group without end")]
    [TestCase("34", Description = "an end without group")]
    [TestCase("00", Description = "tag zero")]
    [TestCase("12FFFFFFFF0F", Description = "a negative length")]
    [TestCase("1801 9801 02", Description = "an unknown number")]
    public void Corner_cases_of_the_encoding_read_as_the_generated_parser_reads_them(string hex) =>
        AssertSame(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), hex);

    [Test]
    public void A_user_that_is_no_UTF8_is_no_event() => Assert.That(EventFields.TryRead([0x12, 2, 0xC0, 0xAF], out _), Is.False);

    private static AnalyticsEvent RandomEvent(Random random) => new()
    {
        TimestampMs = random.Next(4) switch { 0 => 0, 1 => random.NextInt64(), 2 => -random.NextInt64(), _ => random.Next() },
        Kind = (EventKind)random.Next(-1, 4),
        UserId = random.Next(2) == 0 ? "" : string.Concat(Enumerable.Repeat("ü€😀a", random.Next(1, 40))),
        UserHash = Bytes(random),
        IdHash = Bytes(random),
    };

    private static ByteString Bytes(Random random)
    {
        var bytes = new byte[random.Next(3) switch { 0 => 0, 1 => 16, _ => random.Next(300) }];
        random.NextBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }

    private static void AssertSame(byte[] bytes, string why)
    {
        AnalyticsEvent? expected = null;
        try
        {
            expected = AnalyticsEvent.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
        }
        // Where the bytes are no UTF-8 the generated parser puts U+FFFD; for us that is no event.
        if (expected?.UserId.Contains('\ufffd', StringComparison.Ordinal) == true) expected = null;

        var read = EventFields.TryRead(bytes, out var fields);
        Assert.That(read, Is.EqualTo(expected is not null), why);
        if (expected is null) return;
        Assert.That((fields.TimestampMs, fields.Kind), Is.EqualTo((expected.TimestampMs, (int)expected.Kind)), why);
        Assert.That(System.Text.Encoding.UTF8.GetString(fields.UserId), Is.EqualTo(expected.UserId), why);
        Assert.That(fields.UserHash.ToArray(), Is.EqualTo(expected.UserHash.ToByteArray()), why);
        Assert.That(fields.IdHash.ToArray(), Is.EqualTo(expected.IdHash.ToByteArray()), why);
    }
}
