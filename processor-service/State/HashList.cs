namespace Tally.ProcessorService.State;

/// <summary>Hashes in the order in which they came, taken off at the front.</summary>
public sealed class HashList(StateBudget? budget = null)
{
    /// <summary>Beyond this many slots the array is given back once it is nearly empty.</summary>
    private const int KeptSlots = 64;

    private UInt128[] _items = [];

    public int Count { get; private set; }

    /// <summary>Bytes of the list.</summary>
    public long Bytes => _items.Length * 16L;

    public ReadOnlySpan<UInt128> Items => _items.AsSpan(0, Count);

    public void Add(UInt128 hash)
    {
        if (Count == _items.Length) Resize(Math.Max(4, _items.Length * 2));
        _items[Count++] = hash;
    }

    /// <summary>Removes the first <paramref name="count"/> hashes.</summary>
    public void RemoveFirst(int count)
    {
        var rest = Count - count;
        _items.AsSpan(count, rest).CopyTo(_items);
        Count = rest;
        if (_items.Length > KeptSlots && rest * 4 <= _items.Length) Resize(rest);
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
        if (hashes.Length > _items.Length || hashes.Length * 4 < _items.Length) Resize(hashes.Length);
        hashes.CopyTo(_items);
        Count = hashes.Length;
    }

    private void Resize(int slots)
    {
        budget?.Take((slots - _items.Length) * 16L);
        var items = slots == 0 ? [] : new UInt128[slots];
        Items.CopyTo(items);
        _items = items;
    }
}
