using System.Diagnostics.Metrics;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>Somebody sets the wall clock while events come in, forth and back, and faults strike meanwhile.</summary>
public sealed class SteppedClockTests
{
    private static readonly TimeSpan[] Steps = [TimeSpan.FromHours(1), TimeSpan.FromHours(-1), TimeSpan.FromDays(1), TimeSpan.FromSeconds(-30), TimeSpan.FromDays(-1)];

    [Test]
    public void Whatever_the_wall_clock_does_every_event_counts_once_and_no_time_measured_is_negative([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        var negative = new List<string>();
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == EngineMetrics.Name) listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (value < 0) lock (negative) negative.Add($"{instrument.Name}: {value}");
        });
        meters.Start();
        using var simulation = new Simulation { State = new StateOptions { Directory = "state", MemoryBudget = 8_000, SnapshotInterval = TimeSpan.Zero } };
        var (steps, faults) = (0, 4);
        simulation.Broker.Step = _ =>
        {
            if (random.Next(30) == 0)
            {
                simulation.Clock.Step(Steps[random.Next(Steps.Length)]);
                steps++;
            }
            if (faults == 0 || random.Next(150) > 0) return;
            faults--;
            throw new CorruptedException("struck");
        };
        for (var round = 0; round < 3; round++)
        {
            simulation.Produce(random, 150);
            for (var tries = 0; !simulation.RunUntilIdle(); tries++)
            {
                Assert.That(tries, Is.LessThan(20), $"seed {seed}: it goes on after each fault");
                simulation.EndProcess();
            }
        }
        Assert.Multiple(() =>
        {
            Assert.That(simulation.ReadHours(), Is.EqualTo(simulation.Oracle.Hours), $"seed {seed}, {steps} steps of the clock");
            Assert.That(simulation.DeadLetters().Count(), Is.EqualTo(simulation.Poison), $"seed {seed}");
            Assert.That(simulation.Outcomes(), Is.EqualTo(simulation.Produced), $"seed {seed}");
            Assert.That(steps, Is.GreaterThan(5));
            Assert.That(negative, Is.Empty, $"seed {seed}");
        });
    }

    [TestCase(3_600)]
    [TestCase(-3_600)]
    [TestCase(86_400)]
    [TestCase(-30)]
    public void After_the_wall_clock_was_set_idle_partitions_go_on_saying_once_a_second_that_they_are_read(int seconds)
    {
        using var simulation = new Simulation();
        var (began, stepped) = (simulation.Clock.GetTimestamp(), false);
        simulation.RunUntilIdle(TimeSpan.FromSeconds(10), whenIdle: () =>
        {
            if (stepped || simulation.Clock.GetElapsedTime(began) < TimeSpan.FromSeconds(4)) return;
            stepped = true;
            simulation.Clock.Step(TimeSpan.FromSeconds(seconds));
        });
        var beats = simulation.Broker.Committed(Simulation.Topics.Hours, 0).Select(e => Progress.Parser.ParseFrom(e.Value)).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(stepped);
            Assert.That(beats.Length, Is.InRange(9, 12));
            Assert.That(beats.Select(b => b.AsOfMs), Is.Ordered, "what was said to be read stays so");
        });
    }
}
