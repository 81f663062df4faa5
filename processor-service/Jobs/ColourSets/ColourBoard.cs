using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>What may be said of the colours at one moment.</summary>
public sealed record ColourReading(
    SetView View, long OutOfOrder, long AgedOut, long SegmentsDropped, long Bytes, long Budget, long Counted, long DeadLettered);

/// <summary>
/// Where the job's thread lays out its state for those who ask; empty while another instance has it or it is being restored, and hidden while that thread stands still:
/// another instance may have been given the colours meanwhile.
/// </summary>
/// <param name="trust">How long the thread's last word that the colours are its own is good for: less than the group takes to replace a silent member.</param>
public sealed class ColourBoard(TimeProvider clock, TimeSpan trust)
{
    private readonly Lock _lock = new();
    private long _vouched;
    private ColourSetsState? _state;
    private ColourAccount? _account;

    /// <summary>Why nothing can be said; null when all is well.</summary>
    public string? Away { get; private set; } = "The job has not begun here.";

    private bool Trusted => clock.GetElapsedTime(_vouched) < trust;

    public void Clear(string why)
    {
        lock (_lock) (_state, _account, Away) = (null, null, why);
    }

    public void Show(ColourSetsState state, ColourAccount account)
    {
        lock (_lock) (_state, _account, Away, _vouched) = (state, account, null, clock.GetTimestamp());
    }

    /// <summary>The colours are still those of this instance.</summary>
    /// <param name="proven">By a commit, which nobody else's can have followed. Otherwise the word is only given while the last one is good.</param>
    /// <returns>False when it has to be proven.</returns>
    public bool Vouch(bool proven = false)
    {
        lock (_lock)
        {
            if (!proven && !Trusted) return false;
            _vouched = clock.GetTimestamp();
            return true;
        }
    }

    /// <summary>Until it is disposed nobody reads the state, and it may be changed.</summary>
    public Lock.Scope Change() => _lock.EnterScope();

    /// <returns>How far each partition has come; null while there is nothing to read.</returns>
    public IReadOnlyList<Progress>? ReadProgress(long nowMs)
    {
        lock (_lock) return _state is null || !Trusted ? null : _account!.Records(_state.Progress(nowMs));
    }

    /// <returns>Null while there is nothing to read.</returns>
    public ColourReading? Read()
    {
        lock (_lock)
        {
            if (_state is not { } state || !Trusted) return null;
            var view = state.Held.View();
            return new ColourReading(view, state.Held.OutOfOrder, state.Held.AgedOut, state.Held.SegmentsDropped, state.Held.Bytes, state.Budget,
                state.Counted, state.DeadLettered);
        }
    }
}
