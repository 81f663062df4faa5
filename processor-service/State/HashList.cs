namespace Tally.ProcessorService.State;

/// <summary>Hashes in the order in which they came, to be written to the changelog; taken off at the front.</summary>
public sealed class HashList
{
    /// <summary>Beyond this many slots the array is given back once it is nearly empty.</summary>
    private const int KeptSlots = 256;

    private UInt128[] _items = [];

    public int Count { get; private set; }

    public ReadOnlySpan<UInt128> Items => _items.AsSpan(0, Count);

    public void Add(UInt128 hash)
    {
        if (Count == _items.Length) Array.Resize(ref _items, Math.Max(4, _items.Length * 2));
        _items[Count++] = hash;
    }

    /// <summary>Removes the first <paramref name="count"/> hashes.</summary>
    public void RemoveFirst(int count)
    {
        var rest = _items.AsSpan(count, Count - count);
        if (_items.Length > KeptSlots && rest.Length <= KeptSlots)
        {
            _items = rest.ToArray();
        }
        else
        {
            rest.CopyTo(_items);
        }
        Count = rest.Length;
    }

    public void Replace(ReadOnlySpan<UInt128> hashes)
    {
        _items = hashes.ToArray();
        Count = hashes.Length;
    }
}
