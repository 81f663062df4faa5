using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// Broker faults, disk faults, ends of the process and power cuts strike where the seed says, partitions move to another process and
/// back, a process is held up until somebody else has its partitions, answers come late or again, commits happen and are told of late, with
/// a budget so small that everything goes to disk and often a snapshot at every commit: the numbers must be those of a plain recount.
/// </summary>
public sealed class StateSimulationTests
{
    /// <summary>How many seeds: <c>SIMULATION_SEEDS</c> (make simulate) or what make test has time for; the first one: <c>SIMULATION_FROM</c>.</summary>
    private static IEnumerable<int> Seeds()
    {
        static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : otherwise;
        return Enumerable.Range(Setting("SIMULATION_FROM", 1), Setting("SIMULATION_SEEDS", 1000));
    }

    private static int _faultsAtCommits;
    private static int _snapshots;

    [Test]
    public void Whatever_fails_on_broker_and_disk_every_event_counts_once()
    {
        var failed = new List<string>();
        foreach (var seed in Seeds())
        {
            try
            {
                Run(seed);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                failed.Add($"seed {seed}: {e}");
            }
            if (failed.Count == 5) break;
        }
        TestContext.Out.WriteLine($"{_faultsAtCommits} faults at a step of a commit, {_snapshots} snapshots");
        Assert.That(failed, Is.Empty);
    }

    private static void Run(int seed)
    {
        var random = new Random(seed);
        using var simulation = new Simulation
        {
            State = new StateOptions { Directory = "state", MemoryBudget = random.Next(4) == 0 ? 1 << 20 : random.Next(2_000, 20_000), SnapshotInterval = random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(500) },
        };
        simulation.Options.Standby = random.Next(2) == 0;
        var faults = 0;
        simulation.Broker.Step = step =>
        {
            // Steps of a commit are few among those that read and write, and what goes wrong there is the hardest to get right.
            var ofCommit = step is "begin" or "before commit" or "after commit";
            if (faults == 0 || random.Next(ofCommit ? 6 : 120) > 0) return;
            faults--;
            if (ofCommit) _faultsAtCommits++;
            switch (random.Next(3))
            {
                case 0:
                    throw new CorruptedException("struck");
                case 1:
                    throw new MigratedException("struck");
                case 2 when simulation.Broker.Process == "a":
                    // Held up for so long that its transaction was ended and another process has all its partitions.
                    simulation.Broker.Wait(TimeSpan.FromSeconds(random.Next(1, 20)));
                    simulation.RunOther(All);
                    break;
            }
        };
        var swift = random.Next(3) == 0;
        simulation.Broker.CommitsNow = () => swift || random.Next(8) == 0;
        simulation.Broker.TellsNow = () => swift || random.Next(8) == 0;
        simulation.Broker.Answers = () => faults == 0 || random.Next(60) > 0 ? 0 : random.Next(-1, 5);
        int[] has = All;
        simulation.Broker.Rebalances = give =>
        {
            var back = has.Length < All.Length && (faults == 0 || random.Next(20) == 0);
            if (!back && (faults == 0 || random.Next(200) > 0)) return null;
            give();
            has = back ? All : [.. All.Where(_ => random.Next(2) == 0)];
            if (back) return has;
            faults--;
            simulation.RunOther([.. All.Except(has)]);
            return has;
        };
        simulation.Files.Step = _ =>
        {
            if (faults == 0 || random.Next(150) > 0) return;
            faults--;
            throw random.Next(2) == 0 ? new IOException("no space left") : new UnauthorizedAccessException("read-only");
        };
        for (var round = 0; round < 3; round++)
        {
            simulation.Produce(random, 150);
            faults = random.Next(0, 6);
            while (!TryRun(simulation))
            {
                has = All;
                if (random.Next(2) == 0) continue;
                simulation.EndProcess();
                if (random.Next(2) == 0) simulation.Files.CutPower(random);
            }
            has = All;
            if (random.Next(2) == 0) simulation.EndProcess();
        }
        // Partitions may still have been with the other process when this one fell idle.
        faults = 0;
        while (!TryRun(simulation))
        {
        }
        Compare(simulation);
        _snapshots += simulation.Snapshots;
    }

    private static void Compare(Simulation simulation)
    {
        if (!simulation.ReadHours().OrderBy(h => h.Key).SequenceEqual(simulation.Oracle.Hours.OrderBy(h => h.Key)))
            throw new InvalidDataException($"the hours are {string.Join(" ", simulation.ReadHours())} instead of {string.Join(" ", simulation.Oracle.Hours)}");
        // The last sketch of an hour may be due only ten seconds after the one before.
        while (!simulation.RunUntilIdle(TimeSpan.FromSeconds(12)))
        {
        }
        if (!simulation.SketchedUsers().OrderBy(h => h.Key).SequenceEqual(simulation.Oracle.Hours.Select(h => KeyValuePair.Create(h.Key, h.Value.Users)).OrderBy(h => h.Key)))
            throw new InvalidDataException($"sketches hold {string.Join(" ", simulation.SketchedUsers())} instead of {string.Join(" ", simulation.Oracle.Hours)}");
        if (simulation.Outcomes() != simulation.Produced) throw new InvalidDataException($"{simulation.Outcomes()} outcomes of {simulation.Produced} records");
        if (simulation.DeadLetters().Count() != simulation.Poison) throw new InvalidDataException("poison was lost or repeated");
    }

    private static readonly int[] All = [.. Enumerable.Range(0, Simulation.Partitions)];

    private static bool TryRun(Simulation simulation)
    {
        try
        {
            return simulation.RunUntilIdle();
        }
        catch (Shared.Hosting.ConfigurationException e) when (e.Message.StartsWith("State:Directory", StringComparison.Ordinal))
        {
            // The process ends with that sentence; somebody mends the disk and starts it again.
            return false;
        }
    }
}
