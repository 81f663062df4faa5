using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>
/// What the job knows: held events, outcomes, and what was aged out by earlier processes. Events that are held stand in their topic and nowhere else;
/// after a restart they are read again, less those that a recorded drop took.
/// </summary>
public sealed class ColourSetsState
{
    private readonly HoldingLimits _limits;
    private readonly ColoursProgress _progress;
    private readonly long[] _restoredTo;
    private readonly List<ColoursDrop> _drops;
    private readonly long[] _next;
    private readonly long _heldThen;
    private long _restored;

    public ColourSetsState(HoldingLimits limits, int partitions, ColoursProgress? restored, long nowMs)
    {
        _limits = limits;
        _progress = restored?.Clone() ?? new ColoursProgress { Generation = 1, SinceMs = nowMs, NextOffsets = { new long[partitions] } };
        _restoredTo = [.. _progress.NextOffsets];
        _drops = [.. _progress.Drops];
        _next = new long[partitions];
        _heldThen = _progress.Counted - _progress.AgedOut;
        Held = new HeldEvents(limits) { Dropped = OnDropped };
        Held.Resume(_progress.AgedOut, _progress.SegmentsDropped);
        Restored = Array.TrueForAll(_restoredTo, offset => offset == 0);
    }

    public HeldEvents Held { get; }

    /// <summary>All that was counted before has been read again.</summary>
    public bool Restored { get; private set; }

    public long Budget => _limits.BudgetBytes;

    public long Counted => _progress.Counted;

    public long DeadLettered => _progress.DeadLettered.Values.Sum();

    /// <summary>Takes a record.</summary>
    /// <returns>Why it is a dead letter; null for one that counts, or that counted before.</returns>
    public string? Take(int partition, long offset, ReadOnlySpan<byte> value)
    {
        _next[partition] = offset + 1;
        var again = offset < _restoredTo[partition];
        if (!ColourEvent.TryRead(value, out var colour, out var timestamp))
        {
            if (again) return null;
            _progress.DeadLettered[DeadLetterReasons.InvalidColour] = _progress.DeadLettered.GetValueOrDefault(DeadLetterReasons.InvalidColour) + 1;
            return "The value is not R_, G_ or B_ and a 64-bit integer.";
        }
        if (again)
        {
            if (_drops.Exists(drop => timestamp < drop.Below && offset < drop.NextOffsets[partition])) return null;
            _restored++;
        }
        else
        {
            _progress.Counted++;
        }
        Held.Add(colour, timestamp);
        return null;
    }

    /// <summary>Everything of the partition below this offset is read, whatever was missing there.</summary>
    public void Reached(int partition, long offset)
    {
        _next[partition] = Math.Max(_next[partition], offset);
        if (Restored || _next.Where((next, p) => next < _restoredTo[p]).Any()) return;
        Restored = true;
        // What the topic no longer keeps went with its retention.
        Held.Resume(Held.AgedOut + Math.Max(0, _heldThen - _restored), Held.SegmentsDropped);
    }

    public ColoursProgress Progress(long nowMs)
    {
        Held.Settle();
        var progress = _progress.Clone();
        progress.NextOffsets.Clear();
        progress.NextOffsets.AddRange(_next.Select((next, p) => Math.Max(next, _restoredTo[p])));
        progress.AgedOut = Held.AgedOut;
        progress.SegmentsDropped = Held.SegmentsDropped;
        progress.Drops.Clear();
        progress.Drops.AddRange(_drops);
        progress.CommittedAtMs = nowMs;
        return progress;
    }

    private void OnDropped(long below, long events)
    {
        var drop = new ColoursDrop { Below = below, NextOffsets = { _next } };
        _drops.RemoveAll(old => old.Below <= below && old.NextOffsets.Zip(_next).All(n => n.First <= n.Second));
        _drops.Add(drop);
    }
}
