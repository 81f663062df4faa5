using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// Where what is in memory must be what is committed, the commit under way is waited for. The broker here lets none happen before it is waited for,
/// and refuses one that comes after its partitions were given back.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CommitUnderWayTests : IDisposable
{
    private readonly Simulation _simulation = new();

    public CommitUnderWayTests() => Broker.CommitsNow = () => false;

    private MemoryBroker Broker => _simulation.Broker;

    public void Dispose() => _simulation.Dispose();

    [Test]
    public void A_snapshot_is_taken_of_what_is_committed()
    {
        WithSnapshotsAtEveryCommit();
        for (var round = 0; round < 5; round++)
        {
            _simulation.Produce(new Random(round), 100);
            Assert.That(_simulation.RunUntilIdle(), Is.True);
        }
        Assert.Multiple(() =>
        {
            // That none was written while its partition had an open transaction is looked at with each.
            Assert.That(_simulation.Snapshots, Is.GreaterThan(5));
            Assert.That(_simulation.ReadHours(), Is.EqualTo(_simulation.Oracle.Hours));
        });
    }

    [Test]
    public void A_commit_that_fails_leaves_no_snapshot()
    {
        WithSnapshotsAtEveryCommit();
        _simulation.Produce(new Random(1), 100);
        Broker.Step = step =>
        {
            if (step == "before commit") throw new CorruptedException("struck");
        };
        Assert.That(_simulation.RunUntilIdle(), Is.False);
        Assert.That(_simulation.Files.Paths.Select(Path.GetFileName), Has.None.EqualTo(Snapshot.FileName));
    }

    [Test]
    public void Partitions_are_given_back_once_all_that_was_read_is_committed_and_their_tasks_go_on([Values] bool oneIsUnderWay)
    {
        _simulation.Options.BacklogCommitRecords = oneIsUnderWay ? 40 : 1_000_000;
        _simulation.Produce(new Random(1), 400);
        var (reads, taken) = (0, 0);
        Broker.Rebalances = give =>
        {
            // In the middle of what there is to read, after the engine's first look at what is due.
            if (++reads != 200) return null;
            taken++;
            Assert.That(HasOpen(), Is.EqualTo(oneIsUnderWay));
            give();
            Assert.That(HasOpen(), Is.False, "it was given back in the middle of a commit");
            Assert.That(Enumerable.Range(0, Simulation.Partitions).Sum(p => Broker.Offset(p) ?? 0), Is.GreaterThan(150), "what was read is committed");
            Broker.Replays.Clear();
            return Broker.Gives;
        };
        var inOrder = _simulation.RunUntilIdle();
        Assert.Multiple(() =>
        {
            Assert.That(taken, Is.EqualTo(1));
            Assert.That(inOrder, Is.True, "no fault ended the session");
            Assert.That(Broker.Replays.Where(replay => replay.Topic == Simulation.Topics.Changelog), Is.Empty, "no task was restored");
            Assert.That(_simulation.ReadHours(), Is.EqualTo(_simulation.Oracle.Hours));
        });

        bool HasOpen() => Enumerable.Range(0, Simulation.Partitions).Any(p => Broker.HasOpen("a", Simulation.Topics.Changelog, p));
    }

    [Test]
    public void What_was_read_when_the_session_is_asked_to_end_is_committed_first()
    {
        // So that nothing but the end commits it.
        _simulation.Options.CommitInterval = _simulation.Options.BacklogCommitInterval = TimeSpan.FromSeconds(20);
        _simulation.Options.BacklogCommitRecords = 1_000_000;
        _simulation.Produce(new Random(1), 100);
        Assert.That(_simulation.RunUntilIdle(TimeSpan.FromMilliseconds(500)), Is.True);
        Assert.That(_simulation.ReadHours(), Is.EqualTo(_simulation.Oracle.Hours));
    }

    private void WithSnapshotsAtEveryCommit() =>
        _simulation.State = new StateOptions { Directory = "state", MemoryBudget = 8_000, SnapshotInterval = TimeSpan.Zero };
}
