using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Processor;

/// <summary>The engine with its job on a broker in memory: faults strike where the seed says, the numbers must be those of a plain recount.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SessionTests : IDisposable
{
    private const int Partitions = 3;
    private static readonly TopicNames Topics = new();

    private readonly ManualClock _clock = new();
    private readonly ProcessorOptions _options = new() { ChunkHashes = 8, BacklogCommitRecords = 40 };
    private readonly MemoryBroker _broker;

    public SessionTests() => _broker = new MemoryBroker(Partitions, _clock);

    public void Dispose() => _broker.Dispose();

    [Test]
    public void Whatever_step_fails_every_event_counts_once([Range(1, 150)] int seed)
    {
        var random = new Random(seed);
        var oracle = new Recount();
        var poison = Produce(random, 400, oracle);
        var faults = random.Next(1, 8);
        _broker.Step = _ =>
        {
            if (faults == 0 || random.Next(120) > 0) return;
            faults--;
            throw random.Next(2) == 0 ? new CorruptedException("struck") : new MigratedException("struck");
        };

        var sessions = 0;
        while (!RunUntilIdle()) sessions++;

        Assert.Multiple(() =>
        {
            Assert.That(ReadHours(), Is.EqualTo(oracle.Hours), $"seed {seed}, {sessions} sessions failed");
            Assert.That(DeadLetters().Count(), Is.EqualTo(poison), $"seed {seed}: each poison record once");
            Assert.That(Outcomes(), Is.EqualTo(400), $"seed {seed}: outcomes add up to the records read");
        });
    }

    [Test]
    public void Committed_output_never_goes_back_and_ends_each_commit_with_progress()
    {
        Produce(new Random(1), 400, new Recount());
        RunUntilIdle();
        for (var p = 0; p < Partitions; p++)
        {
            var last = new Dictionary<string, long>();
            var progress = -1L;
            foreach (var entry in _broker.Committed(Topics.Hours, p))
            {
                if (RecordKeys.IsProgress(entry.Key))
                {
                    var read = Progress.Parser.ParseFrom(entry.Value);
                    Assert.That(read.NextOffset, Is.GreaterThanOrEqualTo(progress));
                    Assert.That(last.Values, Has.All.LessThanOrEqualTo(read.NextOffset), "no partial is ahead of the progress that ends its commit");
                    progress = read.NextOffset;
                    continue;
                }
                var partial = HourPartial.Parser.ParseFrom(entry.Value);
                var key = Encoding.ASCII.GetString(entry.Key!);
                Assert.That(partial.NextOffset, Is.GreaterThan(last.GetValueOrDefault(key, -1)));
                last[key] = partial.NextOffset;
            }
            Assert.That(progress, Is.EqualTo(_broker.Log(Topics.Events, p).Count));
        }
    }

    [Test]
    public void An_idle_partition_says_once_a_second_that_its_zeros_are_current()
    {
        var began = _clock.NowMs;
        RunUntilIdle(TimeSpan.FromSeconds(10));
        var beats = _broker.Committed(Topics.Hours, 0).Select(e => Progress.Parser.ParseFrom(e.Value)).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(beats.Length, Is.InRange(9, 12));
            Assert.That(beats.Select(b => b.NextOffset), Has.All.Zero);
            Assert.That(beats.Select(b => b.AsOfMs), Is.Ordered);
            Assert.That(beats[^1].AsOfMs, Is.GreaterThan(began + 7_000).And.LessThanOrEqualTo(beats[^1].CommittedAtMs - (long)new ProcessorOptions().FetchWait.TotalMilliseconds), "less the fetch's wait");
            Assert.That(beats.Select(b => b.SinceMs).Distinct().Count(), Is.EqualTo(1));
        });
    }

    [Test]
    public void A_missing_group_offset_is_taken_from_the_changelog()
    {
        var oracle = new Recount();
        Produce(new Random(2), 100, oracle);
        RunUntilIdle();
        for (var p = 0; p < Partitions; p++) _broker.SetOffset(p, null);
        Produce(new Random(3), 100, oracle);
        RunUntilIdle();
        Assert.That(ReadHours(), Is.EqualTo(oracle.Hours));
    }

    [Test]
    public void A_group_offset_that_somebody_moved_stops_the_process()
    {
        Produce(new Random(2), 100, new Recount());
        RunUntilIdle();
        _broker.SetOffset(1, 3);
        Assert.That(() => RunUntilIdle(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("somebody moved it"));
    }

    [Test]
    public void A_topic_made_anew_and_filled_beyond_our_offset_stops_the_process()
    {
        Produce(new Random(2), 100, new Recount());
        RunUntilIdle();
        for (var p = 0; p < Partitions; p++) _broker.Log(Topics.Events, p).Clear();
        _clock.Advance(TimeSpan.FromMinutes(1));
        Produce(new Random(2), 200, new Recount());
        Assert.That(() => RunUntilIdle(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("the topic was recreated"));
    }

    [Test]
    public void Another_hash_key_stops_the_process()
    {
        Produce(new Random(2), 100, new Recount());
        RunUntilIdle();
        Assert.That(
            () => RunUntilIdle(hasher: new UserHasher(Enumerable.Repeat((byte)1, 32).ToArray())),
            Throws.TypeOf<ConfigurationException>().With.Message.Contains("the hash key changed: every user would count as new"));
    }

    [Test]
    public void A_transaction_a_former_owner_left_open_is_waited_for_and_never_counted()
    {
        var oracle = new Recount();
        Produce(new Random(5), 50, oracle);
        var struck = false;
        _broker.Step = step =>
        {
            if (step != "before commit" || struck) return;
            struck = true;
            throw new CorruptedException("struck");
        };
        Assert.That(RunUntilIdle(), Is.False);
        Assert.That(_broker.Log(Topics.Changelog, 0).Concat(_broker.Log(Topics.Changelog, 1)).Select(e => e.State), Has.Some.EqualTo(MemoryBroker.State.Open));
        Assert.That(RunUntilIdle(), Is.True);
        Assert.That(ReadHours(), Is.EqualTo(oracle.Hours));
    }

    [Test]
    public void A_changelog_whose_last_transaction_is_still_being_ended_is_waited_for()
    {
        Produce(new Random(5), 50, new Recount());
        RunUntilIdle();
        // The group's offset is stable already, the marker in the changelog comes later.
        var last = _broker.Log(Topics.Changelog, 0).Where(e => e.TimestampMs == _broker.Log(Topics.Changelog, 0)[^1].TimestampMs).ToArray();
        foreach (var entry in last) entry.State = MemoryBroker.State.Open;
        var looks = 0;
        var session = RunUntilIdle(whenIdle: () =>
        {
            if (++looks == 5) foreach (var entry in last) entry.State = MemoryBroker.State.Committed;
        });
        Assert.Multiple(() =>
        {
            Assert.That(session, Is.True);
            Assert.That(looks, Is.GreaterThan(5));
        });
    }

    [Test]
    public void A_dead_letter_keeps_its_record_and_says_why_and_where_from()
    {
        var headers = new Headers { { "own", "kept"u8.ToArray() }, { DeadLetterHeaders.Reason, "forged"u8.ToArray() } };
        _broker.Append(Topics.Events, 2, "key"u8.ToArray(), [1], headers);
        RunUntilIdle();
        var letter = _broker.Committed(Topics.DeadLetter, 2).Single();
        string Header(string name) => Encoding.UTF8.GetString(letter.Headers.Single(h => h.Key == name).GetValueBytes());
        Assert.Multiple(() =>
        {
            Assert.That(letter.Key, Is.EqualTo("key"u8.ToArray()));
            Assert.That(letter.Value, Is.EqualTo(new byte[] { 1 }));
            Assert.That(Header("own"), Is.EqualTo("kept"));
            Assert.That(Header(DeadLetterHeaders.Reason), Is.EqualTo("invalid-event"));
            Assert.That(Header(DeadLetterHeaders.Topic), Is.EqualTo(Topics.Events));
            Assert.That((Header(DeadLetterHeaders.Partition), Header(DeadLetterHeaders.Offset)), Is.EqualTo(("2", "0")));
            Assert.That(Header(DeadLetterHeaders.Message), Is.Not.Empty);
        });
    }

    [Test]
    public void A_poison_record_too_large_for_the_dead_letters_is_cut_and_says_so()
    {
        _options.DeadLetterBytes = 1024;
        _broker.Append(Topics.Events, 0, null, new byte[5000], []);
        RunUntilIdle();
        var letter = _broker.Committed(Topics.DeadLetter, 0).Single();
        Assert.Multiple(() =>
        {
            Assert.That(letter.Key, Is.Null);
            Assert.That(letter.Value, Has.Length.EqualTo(1024));
            Assert.That(letter.Headers.TryGetLastBytes(DeadLetterWriter.CutHeader, out var cut) ? Encoding.ASCII.GetString(cut) : "", Is.EqualTo("5000"));
        });
    }

    /// <returns>True when the session ended in order, false when a fault ended it.</returns>
    private bool RunUntilIdle(TimeSpan? longer = null, UserHasher? hasher = null, Action? whenIdle = null)
    {
        using var stop = new CancellationTokenSource();
        var until = _clock.GetUtcNow() + (longer ?? TimeSpan.FromMilliseconds(1_500));
        _broker.Idle = () =>
        {
            whenIdle?.Invoke();
            if (_clock.GetUtcNow() >= until) stop.Cancel();
        };
        var job = new HourlyAnalyticsJob(Topics, hasher ?? Events.Hasher, _options.Generation, _options.ChunkHashes);
        var session = new Session(_broker, job, _options, Partitions, new EngineStatus(_clock), _clock, NullLogger.Instance);
        try
        {
            session.Run(stop.Token);
            return true;
        }
        catch (SessionEndException)
        {
            return false;
        }
    }

    /// <returns>How many of the records are poison.</returns>
    private int Produce(Random random, int count, Recount oracle)
    {
        var poison = 0;
        for (var i = 0; i < count; i++)
        {
            if (random.Next(25) == 0)
            {
                poison++;
                _broker.Append(Topics.Events, random.Next(Partitions), null, [1, 2, 3], []);
                continue;
            }
            var (user, hour) = ($"user-{random.Next(30)}", random.Next(4));
            var kind = random.Next(2) == 0 ? EventKind.Click : EventKind.Impression;
            var id = random.Next(2) == 0 ? $"id-{random.Next(10)}" : null;
            var made = Events.Hashed(user, (hour * Hours.MillisecondsPerHour) + i, kind, id);
            _broker.Append(Topics.Events, made.Partition(Partitions), made.Key, made.Value, made.Headers);
            oracle.Take(user, hour, kind, id);
        }
        return poison;
    }

    private Dictionary<long, (long Clicks, long Impressions, long Users)> ReadHours()
    {
        var partials = Enumerable.Range(0, Partitions)
            .SelectMany(p => _broker.Committed(Topics.Hours, p).Where(e => !RecordKeys.IsProgress(e.Key))
                .GroupBy(e => Encoding.ASCII.GetString(e.Key!)).Select(g => HourPartial.Parser.ParseFrom(g.Last().Value)));
        return partials.GroupBy(h => h.Hour).ToDictionary(g => g.Key, g => (g.Sum(h => h.Clicks), g.Sum(h => h.Impressions), g.Sum(h => h.UniqueUsers)));
    }

    private IEnumerable<MemoryBroker.Entry> DeadLetters() => Enumerable.Range(0, Partitions).SelectMany(p => _broker.Committed(Topics.DeadLetter, p));

    private long Outcomes() => Enumerable.Range(0, Partitions)
        .Select(p => Progress.Parser.ParseFrom(_broker.Committed(Topics.Hours, p).Last().Value).Outcomes)
        .Sum(o => o.Counted + o.Duplicate + o.DeadLettered.Values.Sum());
}
