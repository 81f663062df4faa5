using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>What the tasks of all partitions share: the windows, how far time has come, and the results.</summary>
public sealed class FrameUnion : IDisposable
{
    /// <summary>Nothing came for so long and nothing is left to be read: what is held aside is decided, and a first result is there within a second of its frame.</summary>
    private static readonly TimeSpan RestAfter = TimeSpan.FromMilliseconds(700);

    private readonly WindowFiles _files;
    private readonly string _results;
    private readonly TimeProvider _clock;
    private readonly bool[] _joined;
    private long _restoredWatermark;
    private long _lastFrame;
    private long _appendedMs;
    private bool _sawFrame;
    private bool _hasBegun;
    private int _tasks;

    public FrameUnion(FrameRules rules, int partitions, WindowFiles files, string results, TimeProvider clock)
    {
        (Rules, _files, _results, _clock) = (rules, files, results, clock);
        _joined = new bool[partitions];
        Windows = new FrameWindows(rules, partitions, files, isWritten: true);
        Times = new PartitionTimes(partitions);
        _lastFrame = clock.GetTimestamp();
    }

    public FrameRules Rules { get; }

    public FrameWindows Windows { get; }

    public PartitionTimes Times { get; }

    /// <summary>Results written so far, by whichever process.</summary>
    public long ResultsWritten { get; set; }

    /// <returns>False when the partition has a task here already.</returns>
    public bool Join(int partition)
    {
        if (_joined[partition]) return false;
        _tasks++;
        return _joined[partition] = true;
    }

    /// <summary>A watermark that was written by one of the partitions: the greatest is that of all.</summary>
    public void Restored(long watermark) => _restoredWatermark = Math.Max(_restoredWatermark, watermark);

    /// <summary>Everything is restored.</summary>
    public void Begin()
    {
        if (_hasBegun) return;
        _hasBegun = true;
        Windows.Resume(_restoredWatermark);
    }

    /// <summary>Said for every frame: so the clock is looked at later.</summary>
    /// <param name="appendedMs">When it came into the topic, Unix time in ms; at most 0 when unknown.</param>
    public void SawFrame(long appendedMs) => (_sawFrame, _appendedMs) = (true, appendedMs);

    public bool IsAtRest => Rest() >= RestAfter;

    /// <summary>Time that passed since the first look after the last frame while nothing more is to be read anywhere; else zero.</summary>
    private TimeSpan Rest()
    {
        if (_sawFrame) _lastFrame = _clock.GetTimestamp();
        _sawFrame = false;
        return Times.IsAtRest ? _clock.GetElapsedTime(_lastFrame) : TimeSpan.Zero;
    }

    /// <summary>
    /// Seconds that began since the last frame came: a ts is cut to whole seconds, so what had passed of its second by then counts, and a final result is neither before
    /// its time nor a second behind it.
    /// </summary>
    private long IdleSeconds() => (long)(Rest().TotalSeconds + (Math.Max(0, _appendedMs) % 1000 / 1000.0));

    /// <summary>Called once a commit, when every task has handed out its part: results for everybody, and for the archive in front of the progress.</summary>
    public void Emit(IEmit emit, int generation)
    {
        Windows.Advance(Times.Watermark(IdleSeconds()));
        var changed = Windows.Changed.ToArray();
        foreach (var result in Windows.TakeResults())
        {
            emit.Publish(_results, 0, result.Key, result.ToJson());
            var window = result.ToRecord(generation, ++ResultsWritten);
            emit.Output(RecordKeys.FrameWindow(window.Kind, window.Start), window.ToByteArray(), RecordTypes.FrameWindow);
        }
        // What is final is seldom added to: its open chunk is left as it is.
        foreach (var state in changed.Where(state => state.IsFinal))
            foreach (var (_, part) in state.Parts) part.LeaveOpenChunk();
        foreach (var state in Windows.Dropped)
            foreach (var (partition, part) in state.Parts)
                for (var chunk = 0; chunk <= part.OpenChunk; chunk++) emit.ChangelogTombstone(partition, FrameChangelog.Key(state.Window, chunk));
        Windows.Dropped.Clear();
    }

    /// <summary>A task is over; with the last one all is.</summary>
    public void Dispose()
    {
        if (--_tasks > 0) return;
        Windows.Dispose();
        _files.Dispose();
    }
}
