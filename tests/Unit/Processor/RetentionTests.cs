using System.Text;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>Hours whose state is dropped after a time without events.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RetentionTests : IDisposable
{
    private readonly Simulation _simulation = new()
    {
        State = new StateOptions { Directory = "state", Retention = TimeSpan.FromDays(2), SnapshotInterval = TimeSpan.Zero },
    };

    public void Dispose() => _simulation.Dispose();

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public void An_event_for_a_dropped_hour_is_dead_lettered_and_its_numbers_stay_also_after_a_restart(bool restart, bool withoutFiles)
    {
        foreach (var user in (string[])["ada", "bob", "cy", "dan", "eve", "fay"]) Click(user, hour: 10);
        _simulation.RunUntilIdle();
        PassDays(3);
        var before = _simulation.ReadHours()[10];
        if (restart || withoutFiles) _simulation.EndProcess();
        if (withoutFiles) foreach (var path in _simulation.Files.Paths.ToArray()) _simulation.Files.Delete(path);

        Click("ada", hour: 10);
        Click("new", hour: 10);
        Click("new", hour: 11);
        _simulation.RunUntilIdle();
        Assert.Multiple(() =>
        {
            Assert.That(_simulation.ReadHours()[10], Is.EqualTo(before).And.EqualTo((6L, 0L, 6L)));
            Assert.That(_simulation.ReadHours()[11], Is.EqualTo((1L, 0L, 1L)), "an hour that was never there counts");
            Assert.That(Reasons(), Has.All.EqualTo(DeadLetterReasons.HourExpired));
            Assert.That(Reasons().Count(), Is.EqualTo(Expired()).And.GreaterThan(0));
            Assert.That(_simulation.Outcomes(), Is.EqualTo(_simulation.Produced), "every record has its outcome");
        });
    }

    [Test]
    public void Dropping_writes_a_tombstone_for_every_chunk_and_keeps_hours_that_still_have_events()
    {
        for (var i = 0; i < 60; i++) Click($"user-{i}", hour: 10);
        for (var i = 0; i < 9; i++) Click($"user-{i}", hour: 12);
        _simulation.RunUntilIdle();
        for (var day = 0; day < 3; day++)
        {
            PassDays(1);
            for (var i = 0; i < 9; i++) Click($"user-{i}", hour: 12);
            _simulation.RunUntilIdle();
        }
        PassDays(0.1);
        var live = Enumerable.Range(0, Simulation.Partitions).SelectMany(p => _simulation.Broker.Committed(Simulation.Topics.Changelog, p)
            .GroupBy(e => Encoding.ASCII.GetString(e.Key!)).Select(g => g.Last()).Where(e => e.Value is not null)).Select(e => Encoding.ASCII.GetString(e.Key!));
        Assert.Multiple(() =>
        {
            Assert.That(live, Has.None.StartsWith("10|"), "what compaction leaves");
            Assert.That(live, Has.Some.StartsWith("12|"));
            Assert.That(live, Has.Some.StartsWith("dropped|"));
            Assert.That(_simulation.ReadHours()[12], Is.EqualTo((36L, 0L, 9L)));
        });
    }

    [Test]
    public void A_snapshot_older_than_the_tombstones_does_not_bring_a_dropped_hour_back()
    {
        for (var i = 0; i < 9; i++) Click($"user-{i}", hour: 10);
        _simulation.RunUntilIdle();
        var old = _simulation.Files.Paths.ToDictionary(path => path, path => _simulation.Files[path].ToArray());
        PassDays(3);
        _simulation.EndProcess();
        _simulation.Files.Restore(old);
        // Compaction has removed the tombstones meanwhile.
        for (var p = 0; p < Simulation.Partitions; p++)
            foreach (var entry in _simulation.Broker.Log(Simulation.Topics.Changelog, p).Where(e => e.Value is null)) entry.State = MemoryBroker.State.Aborted;
        var letters = Reasons().Count();
        for (var i = 0; i < 9; i++) Click($"user-{i}", hour: 10);
        _simulation.RunUntilIdle();
        Assert.Multiple(() =>
        {
            Assert.That(Reasons().Count() - letters, Is.EqualTo(9));
            Assert.That(_simulation.ReadHours()[10], Is.EqualTo((9L, 0L, 9L)));
        });
    }

    /// <summary>Time passes, and each partition sees events of another hour, by which it knows.</summary>
    private void PassDays(double days)
    {
        _simulation.Clock.Advance(TimeSpan.FromDays(days));
        for (var i = 0; i < 20; i++) Click($"user-{i}", hour: 5_000);
        _simulation.RunUntilIdle();
    }

    private void Click(string user, long hour)
    {
        var made = Events.Hashed(user, hour * Hours.MillisecondsPerHour, EventKind.Click);
        _simulation.Append(made);
    }

    private IEnumerable<string> Reasons() => _simulation.DeadLetters()
        .Select(letter => Encoding.ASCII.GetString(letter.Headers.Single(h => h.Key == DeadLetterHeaders.Reason).GetValueBytes()));

    private long Expired() => Enumerable.Range(0, Simulation.Partitions)
        .Select(p => Progress.Parser.ParseFrom(_simulation.Broker.Committed(Simulation.Topics.Hours, p).Last().Value).Outcomes)
        .Sum(o => o.DeadLettered.GetValueOrDefault(DeadLetterReasons.HourExpired));
}
