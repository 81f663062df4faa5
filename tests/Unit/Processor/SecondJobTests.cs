using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>The engine runs a job that it has never heard of, and faults strike it at any step.</summary>
public sealed class SecondJobTests
{
    private const int Partitions = 2;
    private static readonly JobTopics Topics = new WordCounts().Topics;

    [Test]
    public void Whatever_step_fails_each_word_is_counted_as_often_as_it_came([Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        var clock = new ManualClock();
        using var broker = new MemoryBroker(Partitions, clock);
        var oracle = new Dictionary<string, long>();
        var (poison, faults) = (0, random.Next(1, 6));
        broker.Step = _ =>
        {
            if (faults == 0 || random.Next(60) > 0) return;
            faults--;
            throw random.Next(2) == 0 ? new CorruptedException("struck") : new MigratedException("struck");
        };
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 100; i++)
            {
                var word = random.Next(10) == 0 ? null : $"word-{random.Next(20)}";
                broker.Append(Topics.Input, random.Next(Partitions), null, word is null ? null : Encoding.UTF8.GetBytes(word), []);
                if (word is null) poison++;
                else oracle[word] = oracle.GetValueOrDefault(word) + 1;
            }
            // A new process each time: what it knows comes from the topics.
            while (!RunUntilIdle(broker, clock))
            {
            }
        }

        var output = Enumerable.Range(0, Partitions).SelectMany(p => broker.Committed(Topics.Output, p).Where(e => !RecordKeys.IsProgress(e.Key))
            .Select(e => WordCounts.Read(e.Key, e.Value)).GroupBy(c => c.Word).Select(g => g.Last()));
        Assert.Multiple(() =>
        {
            Assert.That(output.GroupBy(c => c.Word).ToDictionary(g => g.Key, g => g.Sum(c => c.Count)), Is.EqualTo(oracle), $"seed {seed}");
            Assert.That(Enumerable.Range(0, Partitions).Sum(p => broker.Committed(Topics.DeadLetter, p).Count()), Is.EqualTo(poison), $"seed {seed}: each poison record once");
        });
    }

    /// <returns>False when a fault ended the session.</returns>
    private static bool RunUntilIdle(MemoryBroker broker, ManualClock clock)
    {
        using var stop = new CancellationTokenSource();
        var until = clock.GetUtcNow() + TimeSpan.FromMilliseconds(1_500);
        broker.Idle = () =>
        {
            if (clock.GetUtcNow() >= until) stop.Cancel();
        };
        var options = new ProcessorOptions { BacklogCommitRecords = 40 };
        try
        {
            new Session(broker, new WordCounts(), options, Partitions, new EngineStatus(clock), clock, NullLogger.Instance).Run(stop.Token);
            return true;
        }
        catch (SessionEndException)
        {
            return false;
        }
    }
}
