using System.Globalization;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Flows;
using Tally.ProcessorService.Jobs.Frames;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Rebuild;

/// <summary>What is particular to a job when it is rebuilt.</summary>
/// <param name="Name">As in <c>Processor:Jobs</c>.</param>
/// <param name="GenerationKey">The processor's key for the generation of the job.</param>
/// <param name="TopicKey">The processor's key for the generation after which its topics are named; mostly the same.</param>
/// <param name="MaterializerKey">The materializer's.</param>
/// <param name="OfGeneration">The topics' names in a generation.</param>
/// <param name="Input">The topic that is replayed.</param>
/// <param name="Output">The one that tells the progress.</param>
/// <param name="Carry">Carries over what cannot be counted anew, and says in a sentence what that is; see <see cref="Told"/>.</param>
public sealed record RebuiltJob(
    string Name, string GenerationKey, string TopicKey, string MaterializerKey, Func<TopicNames, int, TopicNames> OfGeneration, Func<TopicNames, string> Input, Func<TopicNames, string> Output,
    RebuiltJob.Carrying Carry)
{
    /// <param name="Sentence">From when on the new generation counts, and what keeps its numbers.</param>
    /// <param name="IsWhole">Everything is counted anew.</param>
    public readonly record struct Told(string Sentence, bool IsWhole);

    public delegate Told Carrying(IBroker broker, ITransactionLog transactions, RebuildStart start, TopicNames topics, int partitions, TimeProvider clock, CancellationToken cancellation);

    /// <summary>How far ahead of its arrival an event may lie: Ingest:FutureTolerance of command-service, by default, and as much again.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromDays(2);

    /// <summary>Ranges of hours that a sentence names at most.</summary>
    private const int RangesMax = 20;

    private static readonly RebuiltJob[] All =
    [
        new("analytics", "Processor:Generation", "Processor:Generation", "Materializer:Generation", (names, generation) => names.OfGeneration(generation), names => names.Events, names => names.Hours, Analytics),
        new("flows", "Flows:Generation", "Flows:Generation", "Materializer:FlowsGeneration", (names, generation) => names.OfFlowsGeneration(generation), names => names.Flows, names => names.FlowSums, Flows),
        new("frames", "Frames:Generation", "Frames:TopicGeneration", "Materializer:FramesGeneration", (names, generation) => names.OfFramesGeneration(generation), names => names.Frames, names => names.FramesProgress, Frames),
    ];

    /// <param name="name">As in <c>Processor:Jobs</c>.</param>
    /// <exception cref="ConfigurationException">There is none of that name, or nothing in it to rebuild.</exception>
    public static RebuiltJob Named(string name) => name == "colours"
        ? throw new ConfigurationException(
            "colours need no rebuild: they are read anew from their topic at each start, so a logic fix counts once the processor is restarted; what was dropped stays dropped.")
        : Array.Find(All, job => job.Name == name) ?? throw new ConfigurationException($"--job is '{name}': it must be {string.Join(" or ", All.Select(job => job.Name))}.");

    private static Told Analytics(
        IBroker broker, ITransactionLog transactions, RebuildStart start, TopicNames topics, int partitions, TimeProvider clock, CancellationToken cancellation)
    {
        var generation = start.Generation;
        var kept = new KeptHours(broker, start.Before(topics), start.Now(topics), generation, Tolerance, clock);
        var from = Enumerable.Range(0, partitions).Max(p => kept.Carry(p, transactions, cancellation));
        return from == 0
            ? new($"Generation {generation} counts every hour anew: {topics.Events} still holds every event", true)
            : new($"Generation {generation} counts the hours from {Moment(Hours.StartMs(from))} on anew; events of earlier ones are no longer all in {topics.Events}, so those keep their numbers", false);
    }

    private static Told Flows(
        IBroker broker, ITransactionLog transactions, RebuildStart start, TopicNames topics, int partitions, TimeProvider clock, CancellationToken cancellation)
    {
        var generation = start.Generation;
        var kept = new KeptFlows(broker, start.Before(topics), start.Now(topics), generation, clock);
        var (hours, from, arrivedMs) = kept.Carry(partitions, transactions, cancellation);
        if (arrivedMs == 0) return new($"Generation {generation} of the flows counts every hour anew: {topics.Flows} still holds every array", true);
        return new(
            $"Generation {generation} of the flows counts anew what arrived since {Moment(arrivedMs)} (from positions {Positions(from)}); "
                + (hours.Count == 0 ? "of no hour an array was removed" : $"arrays of the hours {Ranges(hours)} are no longer all in {topics.Flows}, so those keep their numbers"),
            false);
    }

    private static Told Frames(
        IBroker broker, ITransactionLog transactions, RebuildStart start, TopicNames topics, int partitions, TimeProvider clock, CancellationToken cancellation)
    {
        var kept = new KeptFrames(broker, start.Before(topics), start.Now(topics), start.Generation, Tolerance, clock);
        var (before, from) = kept.Carry(partitions, transactions, cancellation);
        return before == 0
            ? new($"Generation {start.Generation} of the frames counts every window anew: {topics.Frames} still holds every frame", true)
            : new($"Generation {start.Generation} of the frames counts the windows that began at {Moment(before * 1000)} or later anew (from positions {Positions(from)}); frames of earlier ones are no longer all in "
                + $"{topics.Frames}, so those keep their numbers", false);
    }

    private static string Positions(IEnumerable<long> from) =>
        string.Join(", ", from.Select((offset, partition) => string.Create(CultureInfo.InvariantCulture, $"{partition}.{offset}")));

    private static string Moment(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd'T'HH:mm'Z'", CultureInfo.InvariantCulture);

    /// <summary>Numbers in order, as <c>1-4, 7</c>.</summary>
    public static string Ranges(IReadOnlyList<long> numbers)
    {
        var ranges = new List<(long First, long Last)>();
        foreach (var number in numbers)
        {
            if (ranges.Count > 0 && ranges[^1].Last == number - 1) ranges[^1] = ranges[^1] with { Last = number };
            else ranges.Add((number, number));
        }
        var said = string.Join(", ", ranges.Take(RangesMax).Select(range =>
            range.First == range.Last ? range.First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));
        var rest = ranges.Skip(RangesMax).Sum(range => range.Last - range.First + 1);
        return rest == 0 ? said : string.Create(CultureInfo.InvariantCulture, $"{said} and {rest} more");
    }
}
