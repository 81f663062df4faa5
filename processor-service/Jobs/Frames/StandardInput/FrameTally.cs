using System.Globalization;
using System.Text;
using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames.StandardInput;

/// <summary>Counts the frames of one stream as the job counts those of its topic.</summary>
public sealed class FrameTally : IDisposable
{
    private readonly FrameRules _rules;
    private readonly FrameWindows _windows;
    private readonly PartitionTimes _times = new(1);
    private readonly PartitionFrames _frames;
    private readonly SortedDictionary<string, long> _deadLettered = new(StringComparer.Ordinal);
    private long _read;

    public FrameTally(FrameRules rules, FrameScanner scanner, UserHasher hasher, IWindowFiles files)
    {
        _rules = rules;
        _windows = new FrameWindows(rules, partitions: 1, files, isWritten: false);
        _frames = new PartitionFrames(0, rules, scanner, hasher, _windows, _times);
    }

    public long ResultsWritten { get; private set; }

    /// <param name="frame">A line; an empty one is none.</param>
    public void Take(ReadOnlySpan<byte> frame)
    {
        if (frame.IsEmpty || frame is [(byte)'\r']) return;
        Note(_frames.Process(frame, _read++, appendedAt: 0));
        if (_frames.Settled.Count > 0) Settle();
    }

    /// <param name="idleSeconds">Seconds since the last frame, above 0 only while no more is there to be read.</param>
    /// <returns>What changed.</returns>
    public IReadOnlyList<WindowResult> Results(long idleSeconds)
    {
        if (idleSeconds > 0)
        {
            _times.ReachedEnd(0);
            _frames.ComeToRest();
            Settle();
        }
        _windows.Advance(_times.Watermark(idleSeconds));
        return Take();
    }

    /// <summary>The stream is over: all windows are final.</summary>
    public IReadOnlyList<WindowResult> Close()
    {
        _frames.ComeToRest();
        Settle();
        _windows.Close();
        return Take();
    }

    /// <summary>The closing line.</summary>
    public string Summary(TimeSpan took)
    {
        var text = new StringBuilder();
        var seconds = Math.Max(took.TotalSeconds, 0.001);
        text.Append(CultureInfo.InvariantCulture, $"{{\"frames\":{_read},\"counted\":{_windows.Counted},\"late\":{_windows.Late},\"error_rate\":{Rate(_windows.Late)},\"late_by_window\":{{");
        text.AppendJoin(',', _rules.Kinds.Select(kind => string.Create(CultureInfo.InvariantCulture, $"\"{kind.Name()}\":{_windows.LateOf(kind)}")));
        text.Append("},\"error_rate_by_window\":{");
        text.AppendJoin(',', _rules.Kinds.Select(kind => string.Create(CultureInfo.InvariantCulture, $"\"{kind.Name()}\":{Rate(_windows.LateOf(kind))}")));
        text.Append("},\"dead_lettered\":{");
        text.AppendJoin(',', _deadLettered.Select(letter => string.Create(CultureInfo.InvariantCulture, $"\"{letter.Key}\":{letter.Value}")));
        text.Append(CultureInfo.InvariantCulture, $"}},\"results\":{ResultsWritten},\"seconds\":{seconds:0.000},\"frames_per_second\":{_read / seconds:0}}}");
        return text.ToString();
    }

    public void Dispose() => _windows.Dispose();

    private double Rate(long late) => _read == 0 ? 0 : Math.Round((double)late / _read, 9);

    private IReadOnlyList<WindowResult> Take()
    {
        var results = _windows.TakeResults();
        ResultsWritten += results.Count;
        return results;
    }

    private void Settle()
    {
        foreach (var (_, outcome) in _frames.Settled) Note(outcome);
        _frames.Settled.Clear();
    }

    private void Note(Outcome outcome)
    {
        if (outcome.Kind == OutcomeKind.DeadLettered) _deadLettered[outcome.Reason] = _deadLettered.GetValueOrDefault(outcome.Reason) + 1;
    }
}
