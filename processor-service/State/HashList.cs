namespace Tally.ProcessorService.State;

/// <summary>Hashes in the order in which they came, taken off at the front. In memory outside of the collected heap.</summary>
public sealed unsafe class HashList(StateBudget? budget = null) : IDisposable
{
    /// <summary>Beyond this many slots the memory is given back once it is nearly empty.</summary>
    private const int KeptSlots = 64;

    private NativeBytes? _memory;
    private int _slots;

    public int Count { get; private set; }

    /// <summary>Bytes that the list costs.</summary>
    public long Bytes => _memory?.Cost ?? 0;

    /// <summary>Holds until the list changes.</summary>
    public ReadOnlySpan<UInt128> Items => Slots[..Count];

    private Span<UInt128> Slots => _memory is null ? default : new Span<UInt128>(_memory.Start, _slots);

    public void Add(UInt128 hash)
    {
        if (Count == _slots) Resize(Math.Max(8, _slots * 2));
        Slots[Count++] = hash;
    }

    /// <summary>Removes the first <paramref name="count"/> hashes.</summary>
    public void RemoveFirst(int count)
    {
        var rest = Count - count;
        Slots.Slice(count, rest).CopyTo(Slots);
        Count = rest;
        if (rest == 0 || (_slots > KeptSlots && rest * 4 <= _slots)) Resize(rest);
    }

    /// <summary>Empties the list and gives its memory back.</summary>
    public void Clear()
    {
        Count = 0;
        Resize(0);
    }

    public void Replace(ReadOnlySpan<UInt128> hashes)
    {
        Count = 0;
        if (hashes.Length > _slots || hashes.Length * 4 < _slots) Resize(hashes.Length);
        hashes.CopyTo(Slots);
        Count = hashes.Length;
    }

    public void Dispose() => Clear();

    private void Resize(int slots)
    {
        if (slots == _slots) return;
        var larger = slots == 0 ? null : new NativeBytes(slots * 16L, zeroed: false);
        budget?.Take((larger?.Cost ?? 0) - Bytes);
        if (larger is not null) Items.CopyTo(new Span<UInt128>(larger.Start, slots));
        _memory?.Dispose();
        (_memory, _slots) = (larger, slots);
    }
}
