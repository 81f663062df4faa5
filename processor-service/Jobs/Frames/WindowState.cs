using Tally.ProcessorService.State;
using Tally.Shared.Sketches;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>One window: its frames, and its uids as an exact set in memory or on disk, or as a sketch.</summary>
public sealed class WindowState(Window window, int partitions) : IDisposable
{
    private readonly WindowPart?[] _parts = new WindowPart?[partitions];
    private DistinctSet? _exact;
    private HyperLogLog? _sketch;
    private long _onDisk;

    public Window Window => window;

    public long End { get; } = window.End;

    public bool IsFinal { get; set; }

    public bool IsCorrected { get; set; }

    /// <summary>Something is to be told.</summary>
    public bool IsChanged { get; set; }

    /// <summary>The set rests on disk.</summary>
    public bool IsAway { get; private set; }

    public bool IsSketch => _sketch is not null;

    public long Frames { get; set; }

    /// <summary>Order in which windows were used last.</summary>
    public long LastUse { get; set; }

    /// <summary>Memory that its set takes.</summary>
    public long Bytes => _exact?.Bytes ?? 0;

    public long UniqueUsers => _sketch?.Estimate() ?? (IsAway ? _onDisk : _exact?.Count ?? 0);

    public WindowResult Result => new(
        window, UniqueUsers, Frames, IsCorrected ? ResultState.Corrected : IsFinal ? ResultState.Final : ResultState.Early, _sketch is null ? 0 : HyperLogLog.DenseStandardError);

    /// <summary>What came through an input partition.</summary>
    public WindowPart Part(int partition) => _parts[partition] ??= new WindowPart();

    /// <summary>The parts there are, with their partitions.</summary>
    public IEnumerable<(int Partition, WindowPart Part)> Parts =>
        _parts.Select((part, partition) => (Partition: partition, Part: part)).Where(p => p.Part is not null).Select(p => (p.Partition, p.Part!));

    public WindowPart? FindPart(int partition) => _parts[partition];

    /// <param name="user">Hash of a uid.</param>
    /// <param name="exactMax">Uids beyond which the set becomes a sketch.</param>
    /// <returns>True when the set changed.</returns>
    public bool Add(UInt128 user, int exactMax)
    {
        if (_sketch is not null) return _sketch.Add(user);
        _exact ??= new DistinctSet();
        if (!_exact.Add(user)) return false;
        if (_exact.Count > exactMax && window.Kind != WindowKind.Minute) TurnSketch();
        return true;
    }

    /// <summary>Moves the exact set to disk.</summary>
    public void Leave(IWindowFiles files)
    {
        if (_exact is null) return;
        var users = new UInt128[_exact.Count];
        _exact.CopyTo(users);
        files.Save(window, users);
        (_onDisk, IsAway) = (users.Length, true);
        _exact.Dispose();
        _exact = null;
    }

    /// <summary>Brings the exact set back.</summary>
    public void Return(IWindowFiles files)
    {
        var users = files.Load(window);
        _exact = new DistinctSet();
        _exact.Reserve(users.Length);
        foreach (var user in users) _exact.Add(user);
        IsAway = false;
    }

    public void Dispose()
    {
        _exact?.Dispose();
        _exact = null;
        foreach (var (_, part) in Parts) part.Dispose();
    }

    private void TurnSketch()
    {
        var users = new UInt128[_exact!.Count];
        _exact.CopyTo(users);
        _exact.Dispose();
        _exact = null;
        _sketch = new HyperLogLog();
        foreach (var user in users) _sketch.Add(user);
    }
}
