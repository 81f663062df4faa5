using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

public sealed class HourlyAnalyticsTaskTests
{
    private const long Hour = Hours.MillisecondsPerHour;

    [Test]
    public void Any_mix_of_hours_users_and_retries_counts_as_a_plain_recount_does([Range(1, 40)] int seed)
    {
        var random = new Random(seed);
        var task = NewTask(partitionCount: 1);
        var oracle = new Recount();
        var emitted = new Emitted();
        for (var offset = 0; offset < 500; offset++)
        {
            var (user, hour) = ($"user-{random.Next(20)}", random.Next(6));
            var kind = random.Next(2) == 0 ? EventKind.Click : EventKind.Impression;
            var id = random.Next(2) == 0 ? $"id-{random.Next(15)}" : null;
            var outcome = Process(task, Events.Hashed(user, (hour * Hour) + random.NextInt64(Hour), kind, id), offset);
            Assert.That(outcome.Kind == OutcomeKind.Counted, Is.EqualTo(oracle.Take(user, hour, kind, id)), $"seed {seed}, offset {offset}");
            if (random.Next(50) == 0) task.Emit(offset + 1, emitted);
        }
        task.Emit(500, emitted);
        Assert.That(emitted.Hours(), Is.EqualTo(oracle.Hours), $"seed {seed}");
    }

    [Test]
    public void A_duplicate_changes_the_changelog_but_not_what_readers_see()
    {
        var task = NewTask(1);
        var emitted = new Emitted();
        Process(task, Events.Hashed("ada", 0, EventKind.Click, "a"), 0);
        task.Emit(1, emitted);
        Process(task, Events.Hashed("ada", 5, EventKind.Impression, "a"), 1);
        task.Emit(2, emitted);
        task.Emit(3, emitted);

        Assert.Multiple(() =>
        {
            Assert.That(emitted.Partials.Select(p => p.NextOffset), Is.EqualTo(new[] { 1L }));
            Assert.That(emitted.Chunks.Select(c => (c.Clicks, c.Impressions, c.Duplicates)), Is.EqualTo(new[] { (1L, 0L, 0L), (1L, 0L, 1L) }));
        });
    }

    [Test]
    public void The_same_id_of_another_user_or_another_hour_is_unrelated()
    {
        var task = NewTask(1);
        Assert.Multiple(() =>
        {
            Assert.That(Process(task, Events.Hashed("ada", 0, EventKind.Click, "a"), 0).Kind, Is.EqualTo(OutcomeKind.Counted));
            Assert.That(Process(task, Events.Hashed("bob", 0, EventKind.Click, "a"), 1).Kind, Is.EqualTo(OutcomeKind.Counted));
            Assert.That(Process(task, Events.Hashed("ada", Hour, EventKind.Click, "a"), 2).Kind, Is.EqualTo(OutcomeKind.Counted));
            Assert.That(Process(task, Events.Hashed("ada", Hour - 1, EventKind.Click, "a"), 3).Kind, Is.EqualTo(OutcomeKind.Duplicate));
        });
    }

    [Test]
    public void A_raw_user_of_an_outside_producer_is_hashed_with_the_key()
    {
        var task = NewTask(1);
        var emitted = new Emitted();
        Process(task, Events.Raw("ada", 0, EventKind.Click), 0);
        Process(task, Events.Raw("ada", 1, EventKind.Impression), 1);
        task.Emit(2, emitted);
        var progress = new Progress();
        task.Describe(progress);
        Assert.Multiple(() =>
        {
            Assert.That(emitted.Hours()[0], Is.EqualTo((1L, 1L, 1L)));
            Assert.That(emitted.Chunks[^1].Users.ToByteArray(), Is.EqualTo(Events.Hashed("ada", 0, EventKind.Click).Key));
            Assert.That((progress.KeyedBy, progress.KeyFingerprint), Is.EqualTo((KeyedBy.UserId, Events.Hasher.Fingerprint)));
        });
    }

    [Test]
    public void A_topic_is_filled_one_way()
    {
        var task = NewTask(1);
        Process(task, Events.Raw("ada", 0, EventKind.Click), 0);
        var restored = NewTask(1);
        restored.Resume(new Progress { KeyFingerprint = Events.Hasher.Fingerprint, KeyedBy = KeyedBy.UserHash });
        Assert.Multiple(() =>
        {
            Assert.That(Process(task, Events.Hashed("ada", 0, EventKind.Click), 1).Reason, Is.EqualTo(DeadLetterReasons.MixedKeying));
            Assert.That(Process(restored, Events.Raw("ada", 0, EventKind.Click), 1).Reason, Is.EqualTo(DeadLetterReasons.MixedKeying));
        });
    }

    [Test]
    public void Another_hash_key_is_refused_with_both_fingerprints() =>
        Assert.That(NewTask(1).Resume(new Progress { KeyFingerprint = "0123456789abcdef" }),
            Does.StartWith("the hash key changed: every user would count as new").And.Contains("0123456789abcdef").And.Contains(Events.Hasher.Fingerprint));

    public static IEnumerable<TestCaseData> Poison()
    {
        var good = Events.Hashed("ada", 0, EventKind.Click);
        yield return Case("a null value", good with { Value = null });
        yield return Case("an empty value", good with { Value = [] });
        yield return Case("one byte", good with { Value = [8] });
        yield return Case("text", good with { Value = "hello"u8.ToArray() });
        yield return Case("a null key", good with { Key = null });
        yield return Case("another user's key", good with { Key = Events.Hashed("bob", 0, EventKind.Click).Key });
        yield return Case("a negative timestamp", Events.Hashed("ada", -1, EventKind.Click));
        yield return Case("the year 10000", Events.Hashed("ada", Hours.LastTimestampMs + 1, EventKind.Click));
        yield return Case("no kind", Events.Hashed("ada", 0, EventKind.Unspecified));
        yield return Case("an unknown kind", Events.Hashed("ada", 0, (EventKind)3));
        yield return Case("no user", good with { Value = new AnalyticsEvent { Kind = EventKind.Click }.ToByteArray() });
        yield return Case("a hash of 15 bytes", good with { Value = With(good, e => e.UserHash = ByteString.CopyFrom(new byte[15])) });
        yield return Case("an id of 17 bytes", good with { Value = With(good, e => e.IdHash = ByteString.CopyFrom(new byte[17])) });
        yield return Case("a newer version", good with { Headers = new Headers { { RecordTypes.Header, "analytics-event/2"u8.ToArray() } } }, DeadLetterReasons.UnknownVersion);
        yield return Case("another type", good with { Headers = new Headers { { RecordTypes.Header, [0xff, 0xfe] } } }, DeadLetterReasons.UnknownVersion);

        static TestCaseData Case(string name, Events.Made made, string reason = DeadLetterReasons.InvalidEvent) =>
            new TestCaseData(made, reason).SetArgDisplayNames(name);

        static byte[] With(Events.Made made, Action<AnalyticsEvent> change)
        {
            var value = AnalyticsEvent.Parser.ParseFrom(made.Value);
            change(value);
            return value.ToByteArray();
        }
    }

    [TestCaseSource(nameof(Poison))]
    public void A_poison_record_is_dead_lettered_and_changes_nothing(Events.Made made, string reason)
    {
        var task = NewTask(1);
        var outcome = Process(task, made, 0);
        var emitted = new Emitted();
        task.Emit(1, emitted);
        Assert.Multiple(() =>
        {
            Assert.That((outcome.Kind, outcome.Reason), Is.EqualTo((OutcomeKind.DeadLettered, reason)));
            Assert.That(outcome.Message, Is.Not.Empty);
            Assert.That(emitted.Chunks, Is.Empty);
        });
    }

    [Test]
    public void A_key_that_belongs_to_another_partition_is_refused_since_its_user_would_count_twice()
    {
        var made = Events.Hashed("ada", 0, EventKind.Click);
        var wrong = 1 - made.Partition(2);
        var task = new HourlyAnalyticsTask(wrong, 2, 1, 8, Events.Hasher);
        Assert.That(Process(task, made, 0).Message, Does.Contain($"partition {1 - wrong}"));
    }

    [TestCase(0L)]
    [TestCase(Hours.LastTimestampMs)]
    public void The_first_and_the_last_hour_count(long timestampMs) =>
        Assert.That(Process(NewTask(1), Events.Hashed("ada", timestampMs, EventKind.Click), 0).Kind, Is.EqualTo(OutcomeKind.Counted));

    [TestCase(253_402_300_799_000)]
    [TestCase(-1)]
    public void A_record_whose_timestamp_is_far_ahead_or_absent_drops_no_hour(long timestampMs)
    {
        var clock = new ManualClock();
        using var task = new HourlyAnalyticsTask(0, 1, 1, 8, Events.Hasher, retention: TimeSpan.FromDays(1), clock: clock);
        var emitted = new Emitted();
        Process(task, Events.Hashed("ada", 0, EventKind.Click), 0, clock.NowMs);
        Process(task, Events.Hashed("bob", Hour, EventKind.Click), 1, timestampMs);
        task.Emit(2, emitted);
        Assert.Multiple(() =>
        {
            Assert.That(Process(task, Events.Hashed("ada", 1, EventKind.Click), 2, clock.NowMs).Kind, Is.EqualTo(OutcomeKind.Counted));
            Assert.That(Process(task, Events.Hashed("bob", Hour, EventKind.Click), 3, clock.NowMs).Kind, Is.EqualTo(OutcomeKind.Counted));
        });
    }

    private static HourlyAnalyticsTask NewTask(int partitionCount) => new(0, partitionCount, 1, 8, Events.Hasher);

    private static Outcome Process(HourlyAnalyticsTask task, Events.Made made, long offset, long? timestampMs = null) => task.Process(new LogRecord
    {
        Offset = offset,
        TimestampMs = timestampMs ?? 1_000 + offset,
        HasKey = made.Key is not null,
        Key = made.Key,
        HasValue = made.Value is not null,
        Value = made.Value,
        Headers = made.Headers,
    });

    private sealed class Emitted : IEmit
    {
        public List<HourPartial> Partials { get; } = [];
        public List<StateChunk> Chunks { get; } = [];

        public void Output(byte[] key, byte[] value, byte[] type) => Partials.Add(HourPartial.Parser.ParseFrom(value));

        public void Changelog(byte[] key, byte[] value, byte[] type) => Chunks.Add(StateChunk.Parser.ParseFrom(value));

        public void ChangelogTombstone(byte[] key) => Assert.Fail("nothing is dropped here");

        public Dictionary<long, (long Clicks, long Impressions, long Users)> Hours() =>
            Partials.GroupBy(p => p.Hour).ToDictionary(g => g.Key, g => (g.Last().Clicks, g.Last().Impressions, g.Last().UniqueUsers));
    }
}
