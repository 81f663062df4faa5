using System.Text;
using Confluent.Kafka;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Processor;

/// <summary>The engine with its job on a broker in memory: faults strike where the seed says, the numbers must be those of a plain recount.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SessionTests : IDisposable
{
    private const int Partitions = Simulation.Partitions;
    private static readonly TopicNames Topics = Simulation.Topics;

    private readonly Simulation _simulation = new();

    private ManualClock Clock => _simulation.Clock;
    private MemoryBroker Broker => _simulation.Broker;

    public void Dispose() => _simulation.Dispose();

    [Test]
    public void Whatever_step_fails_every_event_counts_once([Range(1, 150)] int seed)
    {
        var random = new Random(seed);
        var oracle = new Recount();
        var poison = _simulation.Produce(random, 400, oracle);
        var faults = random.Next(1, 8);
        Broker.Step = _ =>
        {
            if (faults == 0 || random.Next(120) > 0) return;
            faults--;
            throw random.Next(2) == 0 ? new CorruptedException("struck") : new MigratedException("struck");
        };

        var sessions = 0;
        while (!_simulation.RunUntilIdle()) sessions++;

        Assert.Multiple(() =>
        {
            Assert.That(_simulation.ReadHours(), Is.EqualTo(oracle.Hours), $"seed {seed}, {sessions} sessions failed");
            Assert.That(_simulation.DeadLetters().Count(), Is.EqualTo(poison), $"seed {seed}: each poison record once");
            Assert.That(_simulation.Outcomes(), Is.EqualTo(400), $"seed {seed}: outcomes add up to the records read");
        });
    }

    [Test]
    public void Committed_output_never_goes_back_and_ends_each_commit_with_progress()
    {
        _simulation.Produce(new Random(1), 400, new Recount());
        _simulation.RunUntilIdle();
        for (var p = 0; p < Partitions; p++)
        {
            var last = new Dictionary<string, long>();
            var progress = -1L;
            foreach (var entry in Broker.Committed(Topics.Hours, p))
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
            Assert.That(progress, Is.EqualTo(Broker.Log(Topics.Events, p).Count));
        }
    }

    [Test]
    public void An_idle_partition_says_once_a_second_that_its_zeros_are_current()
    {
        var began = Clock.NowMs;
        _simulation.RunUntilIdle(TimeSpan.FromSeconds(10));
        var beats = Broker.Committed(Topics.Hours, 0).Select(e => Progress.Parser.ParseFrom(e.Value)).ToArray();
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
        _simulation.Produce(new Random(2), 100, oracle);
        _simulation.RunUntilIdle();
        for (var p = 0; p < Partitions; p++) Broker.SetOffset(p, null);
        _simulation.Produce(new Random(3), 100, oracle);
        _simulation.RunUntilIdle();
        Assert.That(_simulation.ReadHours(), Is.EqualTo(oracle.Hours));
    }

    [Test]
    public void A_group_offset_that_somebody_moved_stops_the_process()
    {
        _simulation.Produce(new Random(2), 100, new Recount());
        _simulation.RunUntilIdle();
        Broker.SetOffset(1, 3);
        Assert.That(() => _simulation.RunUntilIdle(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("somebody moved it"));
    }

    [Test]
    public void A_topic_made_anew_and_filled_beyond_our_offset_stops_the_process()
    {
        _simulation.Produce(new Random(2), 100, new Recount());
        _simulation.RunUntilIdle();
        for (var p = 0; p < Partitions; p++) Broker.Log(Topics.Events, p).Clear();
        Clock.Advance(TimeSpan.FromMinutes(1));
        _simulation.Produce(new Random(2), 200, new Recount());
        Assert.That(() => _simulation.RunUntilIdle(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("the topic was recreated"));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(100)]
    public void A_changelog_made_anew_under_the_engine_stops_the_next_process_instead_of_counting_users_again(int events)
    {
        _simulation.Produce(new Random(2), 100, new Recount());
        var made = false;
        Assert.That(_simulation.RunUntilIdle(TimeSpan.FromSeconds(5), whenIdle: () =>
        {
            if (made || Enumerable.Range(0, Partitions).Any(p => !Broker.Committed(Topics.Hours, p).Any()) || _simulation.Outcomes() < 100) return;
            made = true;
            for (var p = 0; p < Partitions; p++) Broker.Log(Topics.Changelog, p).Clear();
            // Touches some of the hours: their open chunks and progress are all that the new topic gets.
            _simulation.Produce(new Random(3), events, new Recount());
        }));
        Assert.That(() => _simulation.RunUntilIdle(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("its changelog gives back the state of"));
    }

    [Test]
    public void Another_hash_key_stops_the_process()
    {
        _simulation.Produce(new Random(2), 100, new Recount());
        _simulation.RunUntilIdle();
        Assert.That(
            () => _simulation.RunUntilIdle(hasher: new UserHasher(Enumerable.Repeat((byte)1, 32).ToArray())),
            Throws.TypeOf<ConfigurationException>().With.Message.Contains("the hash key changed: every user would count as new"));
    }

    [Test]
    public void A_transaction_a_former_owner_left_open_is_waited_for_and_never_counted()
    {
        var oracle = new Recount();
        _simulation.Produce(new Random(5), 50, oracle);
        var struck = false;
        Broker.Step = step =>
        {
            if (step != "before commit" || struck) return;
            struck = true;
            throw new CorruptedException("struck");
        };
        Assert.That(_simulation.RunUntilIdle(), Is.False);
        Assert.That(Broker.Log(Topics.Changelog, 0).Concat(Broker.Log(Topics.Changelog, 1)).Select(e => e.State), Has.Some.EqualTo(MemoryBroker.State.Open));
        Assert.That(_simulation.RunUntilIdle(), Is.True);
        Assert.That(_simulation.ReadHours(), Is.EqualTo(oracle.Hours));
    }

    [Test]
    public void A_changelog_whose_last_transaction_is_still_being_ended_is_waited_for()
    {
        _simulation.Produce(new Random(5), 50, new Recount());
        _simulation.RunUntilIdle();
        // The group's offset is stable already, the marker in the changelog comes later.
        var last = Broker.Log(Topics.Changelog, 0).Where(e => e.TimestampMs == Broker.Log(Topics.Changelog, 0)[^1].TimestampMs).ToArray();
        foreach (var entry in last) entry.State = MemoryBroker.State.Open;
        var looks = 0;
        var session = _simulation.RunUntilIdle(whenIdle: () =>
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
        Broker.Append(Topics.Events, 2, "key"u8.ToArray(), [1], headers);
        _simulation.RunUntilIdle();
        var letter = Broker.Committed(Topics.DeadLetter, 2).Single();
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
    public void At_whatever_place_of_a_batch_poison_is_one_dead_letter_and_its_neighbours_count()
    {
        const int Records = 300;
        for (var at = 0; at < Records; at++)
        {
            using var simulation = new Simulation();
            var oracle = new Recount();
            for (var i = 0; i < Records; i++)
            {
                var made = Events.Hashed("ada", i, EventKind.Click);
                simulation.Broker.Append(Topics.Events, made.Partition(Partitions), made.Key, i == at ? [1, 2, 3] : made.Value, made.Headers);
                if (i != at) oracle.Take("ada", 0, EventKind.Click, null);
            }
            simulation.RunUntilIdle();
            var letters = simulation.DeadLetters().Select(letter => Encoding.UTF8.GetString(letter.Headers.Single(h => h.Key == DeadLetterHeaders.Offset).GetValueBytes()));
            Assert.That(letters, Is.EqualTo(new[] { $"{at}" }));
            Assert.That(simulation.ReadHours(), Is.EqualTo(oracle.Hours), $"poison at {at}");
            Assert.That(Enumerable.Range(0, Partitions).Max(p => simulation.Broker.Committed(Topics.Changelog, p).Count(e => RecordKeys.IsProgress(e.Key))), Is.GreaterThan(2), "several batches");
        }
    }

    [Test]
    public void A_poison_record_too_large_for_the_dead_letters_is_cut_and_says_so()
    {
        _simulation.Options.DeadLetterBytes = 1024;
        Broker.Append(Topics.Events, 0, null, new byte[5000], []);
        _simulation.RunUntilIdle();
        var letter = Broker.Committed(Topics.DeadLetter, 0).Single();
        Assert.Multiple(() =>
        {
            Assert.That(letter.Key, Is.Null);
            Assert.That(letter.Value, Has.Length.EqualTo(1024));
            Assert.That(letter.Headers.TryGetLastBytes(DeadLetterWriter.CutHeader, out var cut) ? Encoding.ASCII.GetString(cut) : "", Is.EqualTo("5000"));
        });
    }
}
