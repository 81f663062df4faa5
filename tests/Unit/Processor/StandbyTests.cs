using Tally.ProcessorService.State;

namespace Tally.Tests.Unit.Processor;

/// <summary>Copies of the state of partitions that another process counts.</summary>
public sealed class StandbyTests
{
    [Test]
    public void A_warm_copy_is_counted_on_without_reading_the_changelog_again([Values] bool onDisk, [Values] bool standby)
    {
        using var simulation = new Simulation { State = onDisk ? new StateOptions { Directory = "state", MemoryBudget = 8_000, SnapshotInterval = TimeSpan.Zero } : null };
        simulation.Options.Standby = standby;
        var random = new Random(7);
        simulation.Produce(random, 600);
        simulation.Broker.Gives = [0];
        var (looks, taken) = (0, false);
        simulation.Broker.Rebalances = give =>
        {
            if (taken || looks < 10) return null;
            taken = true;
            give();
            simulation.Broker.Replays.Clear();
            return [0, 1, 2];
        };
        var ends = new long[Simulation.Partitions];
        simulation.RunUntilIdle(TimeSpan.FromSeconds(5), whenIdle: () =>
        {
            if (looks == 3) simulation.RunOther([1, 2]);
            looks++;
            if (looks == 9) ends = [.. Enumerable.Range(0, Simulation.Partitions).Select(p => simulation.Broker.QueryEnds(Simulation.Topics.Changelog, p).High)];
            if (looks == 10 && !taken) Assert.That(simulation.Status!.WarmCopies, Is.EqualTo(standby ? 2 : 0));
        });
        Assert.That(taken, Is.True);
        var readAgain = simulation.Broker.Replays.Where(replay => replay.Topic == Simulation.Topics.Changelog).Sum(replay => Math.Max(0, ends[replay.From.Partition] - replay.From.Offset));
        Assert.Multiple(() =>
        {
            Assert.That(simulation.ReadHours(), Is.EqualTo(simulation.Oracle.Hours));
            Assert.That(readAgain, standby ? Is.Zero : Is.GreaterThan(0), "changelog records that were there before and had to be read");
            Assert.That(simulation.Outcomes(), Is.EqualTo(600));
        });
    }
}
