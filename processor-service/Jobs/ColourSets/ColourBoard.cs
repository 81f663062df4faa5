namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>What may be said of the colours at one moment.</summary>
public sealed record ColourReading(
    SetView View, long OutOfOrder, long AgedOut, long SegmentsDropped, long Bytes, long Budget, long Counted, long DeadLettered);

/// <summary>Where the job's thread lays out its state for those who ask; empty while another instance has it or it is being restored.</summary>
public sealed class ColourBoard
{
    private readonly Lock _lock = new();
    private ColourSetsState? _state;

    /// <summary>Why nothing can be said; null when all is well.</summary>
    public string? Away { get; private set; } = "The job has not begun here.";

    public void Clear(string why)
    {
        lock (_lock) (_state, Away) = (null, why);
    }

    public void Show(ColourSetsState state)
    {
        lock (_lock) (_state, Away) = (state, null);
    }

    /// <summary>Until it is disposed nobody reads the state, and it may be changed.</summary>
    public Lock.Scope Change() => _lock.EnterScope();

    /// <returns>Null while there is nothing to read.</returns>
    public ColourReading? Read()
    {
        lock (_lock)
        {
            if (_state is not { } state) return null;
            var view = state.Held.View();
            return new ColourReading(view, state.Held.OutOfOrder, state.Held.AgedOut, state.Held.SegmentsDropped, state.Held.Bytes, state.Budget,
                state.Counted, state.DeadLettered);
        }
    }
}
