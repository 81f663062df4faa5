using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// Broker faults, disk faults, ends of the process and power cuts strike where the seed says, with a budget so small that everything
/// goes to disk and a snapshot at every commit: the numbers must be those of a plain recount.
/// </summary>
public sealed class StateSimulationTests
{
    /// <summary>How many seeds: <c>SIMULATION_SEEDS</c> (make simulate) or what make test has time for; the first one: <c>SIMULATION_FROM</c>.</summary>
    private static IEnumerable<int> Seeds()
    {
        static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : otherwise;
        return Enumerable.Range(Setting("SIMULATION_FROM", 1), Setting("SIMULATION_SEEDS", 200));
    }

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
        Assert.That(failed, Is.Empty);
    }

    private static void Run(int seed)
    {
        var random = new Random(seed);
        using var simulation = new Simulation
        {
            State = new StateOptions { Directory = "state", MemoryBudget = random.Next(4) == 0 ? 1 << 20 : random.Next(2_000, 20_000), SnapshotInterval = TimeSpan.Zero },
        };
        var faults = 0;
        simulation.Broker.Step = _ =>
        {
            if (faults == 0 || random.Next(120) > 0) return;
            faults--;
            throw random.Next(2) == 0 ? new CorruptedException("struck") : new MigratedException("struck");
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
                if (random.Next(2) == 0) continue;
                simulation.EndProcess();
                if (random.Next(2) == 0) simulation.Files.CutPower(random);
            }
            if (random.Next(2) == 0) simulation.EndProcess();
        }
        if (!simulation.ReadHours().OrderBy(h => h.Key).SequenceEqual(simulation.Oracle.Hours.OrderBy(h => h.Key)))
            throw new InvalidDataException($"the hours are {string.Join(" ", simulation.ReadHours())} instead of {string.Join(" ", simulation.Oracle.Hours)}");
        if (simulation.Outcomes() != simulation.Produced) throw new InvalidDataException($"{simulation.Outcomes()} outcomes of {simulation.Produced} records");
        if (simulation.DeadLetters().Count() != simulation.Poison) throw new InvalidDataException("poison was lost or repeated");
    }

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
