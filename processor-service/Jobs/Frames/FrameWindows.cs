namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// The windows of all partitions: exact unions of their uids, results early, final and corrected. Knows nothing of Kafka and nothing of
/// the time of day; the watermark says how far event time has come.
/// </summary>
/// <param name="rules">What counting goes by.</param>
/// <param name="partitions">Partitions of the input.</param>
/// <param name="files">Where sets rest that memory has no room for.</param>
/// <param name="isWritten">Whether somebody writes what is new to a changelog; else it is not remembered apart.</param>
public sealed class FrameWindows(FrameRules rules, int partitions, IWindowFiles files, bool isWritten) : IDisposable
{
    private readonly Dictionary<Window, WindowState> _windows = [];

    /// <summary>The windows that hold a minute, one a kind: nearly all frames are of few minutes.</summary>
    private readonly Dictionary<long, WindowState[]> _chains = [];
    private readonly PriorityQueue<WindowState, long> _open = new();
    private readonly PriorityQueue<WindowState, long> _kept = new();
    private readonly List<WindowState> _changed = [];
    private readonly long[] _lateOf = new long[WindowKinds.All.Length];
    private readonly long[] _takenLateOf = new long[WindowKinds.All.Length];
    private long _takenLate;
    private WindowState[]? _latest;
    private long _latestMinute = -1;
    private long _keptBefore;
    private long _keptWatermark;
    private long _uses;
    private long _bytes;

    /// <summary>Every window whose end plus the lateness is not beyond it is final. Unix seconds.</summary>
    public long Watermark { get; private set; }

    /// <summary>Frames counted by this process.</summary>
    public long Counted { get; private set; }

    /// <summary>Frames that came after at least one of their windows was final, those too late even for a correction included.</summary>
    public long Late { get; private set; }

    /// <summary>Frames that came after their window of that kind was final.</summary>
    public long LateOf(WindowKind kind) => _lateOf[(int)kind];

    public int Count => _windows.Count;

    /// <summary>Memory that exact sets take.</summary>
    public long Bytes => _bytes;

    /// <summary>Windows that were dropped, their horizon being over; to be taken out by the caller.</summary>
    public List<WindowState> Dropped { get; } = [];

    /// <summary>Windows that changed since results were taken last.</summary>
    public IReadOnlyList<WindowState> Changed => _changed;

    /// <summary>Windows keep what another generation counted in them.</summary>
    /// <param name="before">Those that began before this Unix second.</param>
    /// <param name="watermark">How far event time had come there: of windows that were over by then nothing but their numbers is known.</param>
    public void Keep(long before, long watermark) => (_keptBefore, _keptWatermark) = (before, watermark);

    /// <param name="partition">It came through.</param>
    /// <param name="seconds">Its ts.</param>
    /// <param name="user">Hash of its uid.</param>
    /// <param name="wasCounted">It is in the kept windows already.</param>
    /// <returns>False for a frame too late even for a correction.</returns>
    public bool Add(int partition, long seconds, UInt128 user, bool wasCounted = false)
    {
        var minute = seconds / 60;
        if (minute != _latestMinute || _latest is null)
        {
            if (!_chains.TryGetValue(minute, out var chain))
            {
                if (IsOver(Window.Of(rules.Kinds[0], seconds).End)) return TooLate(seconds);
                _chains[minute] = chain = MakeChain(seconds);
            }
            (_latest, _latestMinute) = (chain, minute);
        }
        if (IsOver(_latest[0].End) || (!wasCounted && WasOver(_latest[0]))) return TooLate(seconds);
        Counted++;
        Add(_latest, partition, user, wasCounted);
        if (_bytes > rules.SetBytes) MakeRoom();
        return true;
    }

    /// <summary>Event time has come so far; going back is not possible.</summary>
    public void Advance(long watermark)
    {
        if (watermark <= Watermark) return;
        Watermark = watermark;
        while (_open.TryPeek(out var state, out var end) && end + rules.Lateness <= watermark)
        {
            _open.Dequeue();
            state.IsFinal = true;
            // One that only frames already counted were for has nothing to tell.
            if (state.Frames > 0) Change(state);
            _kept.Enqueue(state, end);
        }
    }

    /// <summary>Everything is over: each window is final.</summary>
    public void Close() => Advance(long.MaxValue - Math.Max(rules.Lateness, rules.CorrectionHorizon));

    /// <summary>What changed since the last call, in order of their ends. Then windows whose horizon is over are dropped.</summary>
    public IReadOnlyList<WindowResult> TakeResults()
    {
        var results = _changed.Select(state => state.Result).OrderBy(result => result.Window.End).ThenBy(result => result.Window.Kind).ToArray();
        foreach (var state in _changed) state.IsChanged = false;
        _changed.Clear();
        while (_kept.TryPeek(out var state, out var end) && IsOver(end))
        {
            _kept.Dequeue();
            Drop(state);
        }
        return results;
    }

    /// <summary>Takes a part of a window as it was written: absolute frames of a partition and uids of one of its chunks.</summary>
    public WindowState Restore(Window window, int partition, long frames, ReadOnlySpan<UInt128> users)
    {
        if (!_windows.TryGetValue(window, out var state)) state = Make(window);
        Use(state);
        var part = state.Part(partition);
        state.Frames += frames - part.Frames;
        part.Frames = frames;
        var before = state.Bytes;
        foreach (var user in users) state.Add(user, rules.ExactUsers);
        _bytes += state.Bytes - before;
        if (_bytes > rules.SetBytes) MakeRoom();
        return state;
    }

    /// <summary>Adds what was found late since the last call to <paramref name="of"/>, by kind.</summary>
    /// <returns>Frames late in at least one of their windows.</returns>
    public long TakeLate(long[] of)
    {
        for (var kind = 0; kind < of.Length; kind++)
        {
            of[kind] += _lateOf[kind] - _takenLateOf[kind];
            _takenLateOf[kind] = _lateOf[kind];
        }
        var late = Late - _takenLate;
        _takenLate = Late;
        return late;
    }

    /// <summary>Goes on from a watermark; nothing counts as changed by it.</summary>
    public void Resume(long watermark)
    {
        Advance(watermark);
        foreach (var state in _changed) state.IsChanged = false;
        _changed.Clear();
    }

    public void Dispose()
    {
        foreach (var state in _windows.Values) state.Dispose();
        _windows.Clear();
    }

    private void Add(WindowState[] chain, int partition, UInt128 user, bool wasCounted)
    {
        var isLate = false;
        var known = 0;
        for (var i = 0; i < chain.Length; i++)
        {
            var state = chain[i];
            var isKept = state.Window.Start < _keptBefore;
            if (isKept && wasCounted) continue;
            if (state.IsFinal)
            {
                isLate = state.IsCorrected = true;
                _lateOf[(int)state.Window.Kind]++;
            }
            if (!state.IsChanged) Change(state);
            state.Frames++;
            var part = state.Part(partition);
            part.Frames++;
            part.IsChanged = true;
            // Who is in a window is in every longer one that holds it, if both were counted by one generation.
            if ((known & (1 << i)) != 0 && !isKept) continue;
            Use(state);
            var before = state.Bytes;
            if (!state.Add(user, rules.ExactUsers)) known |= state.IsSketch ? 0 : Within(i);
            else if (isWritten) part.Tail.Add(user);
            _bytes += state.Bytes - before;
        }
        if (isLate) Late++;
    }

    private bool TooLate(long seconds)
    {
        Late++;
        foreach (var kind in rules.Kinds)
            if (Window.Of(kind, seconds).End + rules.Lateness <= Watermark) _lateOf[(int)kind]++;
        return false;
    }

    private bool WasOver(WindowState state) => state.Window.Start < _keptBefore && state.End + rules.CorrectionHorizon <= _keptWatermark;

    private bool IsOver(long end) => end + rules.CorrectionHorizon <= Watermark;

    /// <summary>Kinds, as bits by their place, whose windows hold that of place <paramref name="i"/>.</summary>
    private int Within(int i)
    {
        var bits = 0;
        for (var j = i + 1; j < rules.Kinds.Count; j++)
            if (rules.Kinds[i].LiesWithin(rules.Kinds[j])) bits |= 1 << j;
        return bits;
    }

    private void Use(WindowState state)
    {
        state.LastUse = ++_uses;
        if (!state.IsAway) return;
        state.Return(files);
        _bytes += state.Bytes;
    }

    private WindowState[] MakeChain(long seconds) => [.. rules.Kinds.Select(kind =>
    {
        var window = Window.Of(kind, seconds);
        return _windows.TryGetValue(window, out var state) ? state : Make(window);
    })];

    private WindowState Make(Window window)
    {
        var state = new WindowState(window, partitions);
        _windows[window] = state;
        if (state.End + rules.Lateness > Watermark)
        {
            _open.Enqueue(state, state.End);
        }
        else
        {
            state.IsFinal = true;
            _kept.Enqueue(state, state.End);
        }
        return state;
    }

    private void Change(WindowState state)
    {
        if (state.IsChanged) return;
        state.IsChanged = true;
        _changed.Add(state);
    }

    private void Drop(WindowState state)
    {
        _windows.Remove(state.Window);
        if (state.Window.Kind == rules.Kinds[0])
            for (var minute = state.Window.Start / 60; minute < state.End / 60; minute++) _chains.Remove(minute);
        (_latest, _latestMinute) = (null, -1);
        _bytes -= state.Bytes;
        if (state.IsAway) files.Remove(state.Window);
        state.Dispose();
        if (isWritten) Dropped.Add(state);
    }

    /// <summary>Moves sets used longest ago to disk until an eighth of the memory is free.</summary>
    private void MakeRoom()
    {
        foreach (var state in _windows.Values.Where(state => state.Bytes > 0).OrderBy(state => state.LastUse).ToArray())
        {
            if (_bytes <= rules.SetBytes / 8 * 7) return;
            _bytes -= state.Bytes;
            state.Leave(files);
        }
    }
}
