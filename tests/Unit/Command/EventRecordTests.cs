using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Command;

public sealed class EventRecordTests
{
    private static readonly UserHasher Hasher = new(new byte[32]);

    [Test]
    public void The_hand_written_encoding_is_that_of_the_generated_class()
    {
        var timestamps = Gen.OneOf(Gen.Elements(0L, 1, 127, 128, 16383, 16384, Hours.LastTimestampMs),
            ArbMap.Default.GeneratorFor<long>().Select(n => Math.Abs(n % (Hours.LastTimestampMs + 1))));
        var hashes = ArbMap.Default.GeneratorFor<ulong>().Two().Select(h => new UInt128(h.Item1, h.Item2));
        var records = from timestamp in timestamps
                      from kind in Gen.Elements(EventKind.Click, EventKind.Impression)
                      from user in hashes
                      from id in Gen.OneOf(Gen.Constant<UInt128?>(null), hashes.Select(h => (UInt128?)h))
                      select new EventRecord(timestamp, kind, user, id);

        Prop.ForAll(records.ToArbitrary(), record => Encode(record).AsSpan().SequenceEqual(Generated(record).ToByteArray()))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Test]
    public void The_largest_event_fits()
    {
        var largest = new EventRecord(long.MaxValue, EventKind.Impression, UInt128.MaxValue, UInt128.MaxValue);
        Assert.That(Encode(largest), Has.Length.EqualTo(EventRecord.MaxValueBytes));
    }

    [Test]
    public void The_key_is_the_users_hash_and_no_text_is_left()
    {
        var record = EventRecord.Of(new IngestEvent { TimestampMs = 1, Kind = EventKind.Click, User = "somebody"u8, Id = "attempt"u8 }, Hasher);
        var key = new byte[EventRecord.KeyBytes];
        record.WriteKey(key);

        var user = Hasher.HashUser("somebody"u8);
        var value = AnalyticsEvent.Parser.ParseFrom(Encode(record));
        Assert.Multiple(() =>
        {
            Assert.That(key, Is.EqualTo(Bytes(user)));
            Assert.That(value.UserHash.ToByteArray(), Is.EqualTo(key));
            Assert.That(value.IdHash.ToByteArray(), Is.EqualTo(Bytes(Hasher.HashId(user, "attempt"u8))));
            Assert.That(value.UserId, Is.Empty);
        });
    }

    private static AnalyticsEvent Generated(EventRecord record) => new()
    {
        TimestampMs = record.TimestampMs,
        Kind = record.Kind,
        UserHash = ByteString.CopyFrom(Bytes(record.UserHash)),
        IdHash = record.IdHash is { } id ? ByteString.CopyFrom(Bytes(id)) : ByteString.Empty,
    };

    private static byte[] Encode(EventRecord record)
    {
        var bytes = new byte[EventRecord.MaxValueBytes];
        return bytes[..record.WriteValue(bytes)];
    }

    private static byte[] Bytes(UInt128 hash) =>
        [.. BitConverter.GetBytes((ulong)hash), .. BitConverter.GetBytes((ulong)(hash >> 64))];
}
