using System.Buffers;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>All events from one timestamp on, below the next segment's. Immutable, so that an answer reads it while others are made.</summary>
public sealed class Segment
{
    /// <summary>Of the object, its lists' headers and its place in the list of segments.</summary>
    private const int Overhead = 240;

    private readonly EventRun[] _runs;

    private Segment(long from, EventRun[] runs, in SetFlow flow)
    {
        From = from;
        _runs = runs;
        Flow = flow;
        Bytes = Overhead + runs.Sum(run => run.Bytes);
    }

    /// <summary>Least timestamp that belongs to it.</summary>
    public long From { get; }

    public SetFlow Flow { get; }

    public int Bytes { get; }

    public static Segment Empty(long from) => new(from, [EventRun.Empty, EventRun.Empty, EventRun.Empty], default);

    public static Segment Of(long from, ReadOnlySpan<long> reds, ReadOnlySpan<long> greens, ReadOnlySpan<long> blues)
    {
        var scratch = ArrayPool<byte>.Shared.Rent(10 * Math.Max(1, Math.Max(reds.Length, Math.Max(greens.Length, blues.Length))));
        EventRun[] runs = [EventRun.Of(reds, scratch), EventRun.Of(greens, scratch), EventRun.Of(blues, scratch)];
        ArrayPool<byte>.Shared.Return(scratch);
        var flow = default(SetFlow);
        for (var walk = new EventWalk(reds, greens, blues); walk.Next();) flow = flow.Then(walk.Colour);
        return new Segment(from, runs, flow);
    }

    /// <summary>The same events in a segment that nothing is before.</summary>
    public Segment FromTheBeginning() => new(long.MinValue, _runs, Flow);

    public EventRun Run(Colour colour) => _runs[(int)colour];
}
