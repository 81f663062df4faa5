using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>A rebuild into generation 2 whose input topic has lost its oldest events.</summary>
public sealed class KeptHoursTests
{
    private const int Users = 40;
    private static readonly TimeSpan Tolerance = TimeSpan.FromDays(2);

    [Test]
    public void Hours_whose_events_are_gone_keep_their_numbers_and_go_on_and_all_others_are_counted_anew([Values] bool dropsState)
    {
        using var simulation = new Simulation { State = new StateOptions { Directory = "state", Retention = dropsState ? TimeSpan.FromDays(3) : null } };
        var random = new Random(11);
        var early = Hours.Of(simulation.Clock.NowMs);
        Produce(simulation, random, early, 300);
        simulation.RunUntilIdle();
        simulation.Clock.Advance(TimeSpan.FromDays(10));
        var late = Hours.Of(simulation.Clock.NowMs);
        var removed = Enumerable.Range(0, Simulation.Partitions).Select(p => (long)simulation.Broker.Log(Simulation.Topics.Events, p).Count - 5).ToArray();
        Produce(simulation, random, late, 300);
        simulation.RunUntilIdle();
        simulation.Clock.Advance(TimeSpan.FromDays(5));
        var newest = Hours.Of(simulation.Clock.NowMs);
        Produce(simulation, random, newest, 300);
        simulation.RunUntilIdle();
        var before = simulation.ReadHours();

        for (var p = 0; p < Simulation.Partitions; p++) simulation.Broker.RemoveBelow(Simulation.Topics.Events, p, removed[p] + (p == 0 ? 8 : 5));
        var rebuiltFrom = Carry(simulation);
        simulation.EndProcess();
        simulation.Options.Generation = 2;
        for (var p = 0; p < Simulation.Partitions; p++) simulation.Broker.SetOffset(p, null);
        simulation.RunUntilIdle();
        var after = simulation.ReadHours();
        Assert.Multiple(() =>
        {
            Assert.That(rebuiltFrom, Is.All.GreaterThan(late + 2).And.All.LessThanOrEqualTo(newest));
            Assert.That(after, Is.EqualTo(before), "the numbers of generation 1, which are those of a plain recount");
            Assert.That(before, Is.EqualTo(simulation.Oracle.Hours));
            Assert.That(Carry(simulation), Is.EqualTo(rebuiltFrom), "a second time nothing is carried");
        });

        // Both generations go on; an hour that was kept goes on as exactly as any other.
        Produce(simulation, random, dropsState ? newest : early, 100);
        simulation.RunUntilIdle();
        Assert.That(simulation.ReadHours(), Is.EqualTo(simulation.Oracle.Hours));
    }

    [Test]
    public void A_topic_that_still_holds_everything_is_counted_anew_from_its_beginning()
    {
        using var simulation = new Simulation();
        Produce(simulation, new Random(3), 480_000, 200);
        simulation.RunUntilIdle();
        Assert.That(Carry(simulation), Is.All.Zero);
        simulation.Options.Generation = 2;
        for (var p = 0; p < Simulation.Partitions; p++) simulation.Broker.SetOffset(p, null);
        simulation.RunUntilIdle();
        Assert.That(simulation.ReadHours(), Is.EqualTo(simulation.Oracle.Hours));
    }

    private static long[] Carry(Simulation simulation)
    {
        simulation.Broker.Process = "rebuild";
        using var transactions = simulation.Broker.OpenTransactions(CancellationToken.None);
        var kept = new KeptHours(simulation.Broker, Simulation.Topics, Simulation.Topics.OfGeneration(2), 2, Tolerance, simulation.Clock);
        long[] from = [.. Enumerable.Range(0, Simulation.Partitions).Select(p => kept.Carry(p, transactions, CancellationToken.None))];
        simulation.Broker.Process = "a";
        return from;
    }

    private static void Produce(Simulation simulation, Random random, long firstHour, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (user, hour) = ($"user-{random.Next(Users)}", firstHour + random.Next(3));
            var id = random.Next(2) == 0 ? $"id-{random.Next(4)}" : null;
            simulation.Append(Events.Hashed(user, Hours.StartMs(hour) + i, EventKind.Click, id));
            simulation.Oracle.Take(user, hour, EventKind.Click, id);
        }
    }
}
