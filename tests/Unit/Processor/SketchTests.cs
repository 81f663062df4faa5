using System.Text;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Processor;

/// <summary>When sketches of hours are sent, and that none is forgotten; their content is held by <see cref="StateSimulationTests"/> too.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SketchTests : IDisposable
{
    private readonly Simulation _simulation = new();

    public void Dispose() => _simulation.Dispose();

    [Test]
    public void A_busy_hour_has_a_sketch_sent_every_ten_seconds_at_most_and_the_last_one_when_it_falls_silent()
    {
        var user = 0;
        var next = _simulation.Clock.GetUtcNow();
        var busyUntil = next + TimeSpan.FromSeconds(60);
        _simulation.RunUntilIdle(TimeSpan.FromSeconds(80), whenIdle: () =>
        {
            // Time stands still while there is something to read.
            if (_simulation.Clock.GetUtcNow() is var now && (now < next || now >= busyUntil)) return;
            next = now + TimeSpan.FromMilliseconds(200);
            Click($"user-{user++}", hour: 7);
        });

        var sent = Sent().ToLookup(s => s.Partition);
        Assert.That(sent, Has.Count.EqualTo(Simulation.Partitions));
        foreach (var partition in sent)
        {
            var times = partition.Select(s => s.AtMs).ToArray();
            Assert.That(times.Skip(1).Zip(times, (now, before) => now - before), Has.All.InRange(10_000, 12_000), $"partition {partition.Key}");
            Assert.That(times, Has.Length.InRange(6, 8));
        }
        Assert.That(_simulation.SketchedUsers()[7], Is.EqualTo(user));
    }

    [Test]
    public void What_changes_no_users_sends_no_sketch()
    {
        Click("ada", hour: 7, id: "a");
        _simulation.RunUntilIdle();
        Assert.That(Sent().Count(), Is.EqualTo(1), "the first at once");
        Click("ada", hour: 7, id: "a");
        Click("ada", hour: 7);
        _simulation.RunUntilIdle(TimeSpan.FromSeconds(30));
        Assert.That(Sent().Count(), Is.EqualTo(1));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void A_sketch_that_a_process_still_owed_when_it_died_is_sent_by_the_next(bool fromSnapshot)
    {
        if (fromSnapshot) _simulation.State = new StateOptions { Directory = "state", SnapshotInterval = TimeSpan.Zero };
        var users = 0;
        for (; users < 100; users++) Click($"user-{users}", hour: 7);
        _simulation.RunUntilIdle(whenIdle: () =>
        {
            if (users == 100 && _simulation.SketchedUsers().Count > 0)
                for (; users < 120; users++) Click($"user-{users}", hour: 7);
        });
        Assert.That(_simulation.ReadHours()[7].Users, Is.EqualTo(120));
        Assert.That(_simulation.SketchedUsers()[7], Is.EqualTo(100), "the next one is not due yet");

        _simulation.EndProcess();
        _simulation.RunUntilIdle();
        Assert.That(_simulation.SketchedUsers()[7], Is.EqualTo(120));
        var records = Sent().Count();
        _simulation.EndProcess();
        _simulation.RunUntilIdle(TimeSpan.FromSeconds(30));
        Assert.That(Sent().Count(), Is.EqualTo(records), "what was sent is known after another start");
    }

    [Test]
    public void Hours_counted_before_there_were_sketches_get_theirs()
    {
        using var task = NewTask();
        var users = Enumerable.Range(0, 3).Select(i => Events.Hashed($"user-{i}", 0, EventKind.Click).Key!).ToArray();
        var chunk = new StateChunk { Hour = 5, Generation = 1, Clicks = 3, Users = Google.Protobuf.ByteString.CopyFrom([.. users.SelectMany(u => u)]) };
        task.Restore(RecordKeys.StateChunk(5, 0), Google.Protobuf.MessageExtensions.ToByteArray(chunk), null);
        task.Resume(new Progress { KeyFingerprint = Events.Hasher.Fingerprint, KeyedBy = KeyedBy.UserHash });
        var emitted = new Emitted();
        task.Emit(9, emitted);
        Assert.Multiple(() =>
        {
            Assert.That(emitted.Sketches.Select(s => (s.Hour, s.Users, s.NextOffset)), Is.EqualTo([(5L, 3L, 9L)]));
            Assert.That(emitted.Chunks.Single().SketchedUsers, Is.EqualTo(3));
            Assert.That(emitted.Chunks.Single().Users.Length, Is.EqualTo(48), "what the open chunk held stays in it");
        });
    }

    [Test]
    public void Under_backlog_sketches_take_a_bounded_part_of_the_time_and_every_hour_has_its_turn()
    {
        var clock = new ManualClock();
        var sender = new SketchSender(0, 1, TimeSpan.FromSeconds(10), clock);
        var hours = Enumerable.Range(0, 500).Select(i => new HourState(i)).ToArray();
        var emitted = new Emitted();
        ulong next = 0;
        for (var second = 0; second < 30; second++)
        {
            var before = emitted.Sketches.Count;
            foreach (var hour in hours)
            {
                for (var i = 0; i < 10; i++) hour.Users.Add(new UInt128(++next * 0x9E37_79B9_7F4A_7C15, next));
                sender.Note(hour);
            }
            while (sender.TryTake(out var due)) sender.Send(due, second, emitted);
            // Of 500 hours that all want one, and later of those whose last one is ten seconds old.
            Assert.That(emitted.Sketches.Count - before, Is.InRange(second < 8 ? 55 : 0, 62));
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.That(emitted.Sketches.Select(s => s.Hour).Distinct().Count(), Is.EqualTo(500));
        foreach (var hour in hours) hour.Dispose();
    }

    [TestCase(1)]
    [TestCase(HyperLogLog.SparseMax)]
    [TestCase(HyperLogLog.SparseMax + 1)]
    [TestCase(30_000)]
    public void The_sketch_of_a_set_is_that_of_its_hashes_added_one_by_one(int count)
    {
        using var hour = new HourState(3);
        var plain = new HyperLogLog();
        var random = new Random(count);
        for (var i = 0; i < count; i++)
        {
            var hash = new UInt128((ulong)random.NextInt64() << 1, (ulong)random.NextInt64());
            hour.Users.Add(hash);
            plain.Add(hash);
        }
        Assert.That(HyperLogLogFormat.Write(hour.Users.Sketch()), Is.EqualTo(HyperLogLogFormat.Write(plain)));
    }

    private static HourlyAnalyticsTask NewTask() =>
        new(0, 1, 1, 8, Events.Hasher, sketches: new SketchSender(0, 1, SketchSender.DefaultInterval, new ManualClock()));

    private void Click(string user, long hour, string? id = null) =>
        _simulation.Append(Events.Hashed(user, hour * Hours.MillisecondsPerHour, EventKind.Click, id));

    private IEnumerable<(int Partition, long AtMs)> Sent() =>
        Enumerable.Range(0, Simulation.Partitions).SelectMany(p => _simulation.Broker.Committed(Simulation.Topics.Sketches, p).Select(e => (p, e.TimestampMs)));

    private sealed class Emitted : IEmit
    {
        public List<HourSketch> Sketches { get; } = [];
        public List<StateChunk> Chunks { get; } = [];

        public void Output(byte[] key, byte[] value, byte[] type)
        {
        }

        public void Aside(byte[] key, byte[] value, byte[] type)
        {
            var sketch = HourSketch.Parser.ParseFrom(value);
            Assert.That(Encoding.ASCII.GetString(key), Is.EqualTo($"{sketch.Hour}|{sketch.Partition}"));
            Sketches.Add(sketch);
        }

        public void Changelog(byte[] key, byte[] value, byte[] type) => Chunks.Add(StateChunk.Parser.ParseFrom(value));

        public void ChangelogTombstone(byte[] key) => Assert.Fail("nothing is dropped here");
    }
}
