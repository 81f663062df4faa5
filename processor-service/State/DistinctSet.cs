namespace Tally.ProcessorService.State;

/// <summary>
/// A set of 128-bit hashes in one open-addressing table: a power of two of slots, at most three quarters full, nothing per entry but its
/// 16 bytes. The entries are keyed hashes, so their low bits are as good as any hash of them. Only grows.
/// </summary>
public sealed class DistinctSet
{
    private const int FirstSlots = 4;

    private UInt128[] _slots = [];
    private int _count;
    private bool _holdsZero;

    public int Count => _count + (_holdsZero ? 1 : 0);

    /// <summary>Bytes of the table.</summary>
    public long Bytes => (long)_slots.Length * 16;

    /// <returns>True when <paramref name="hash"/> was not in the set before.</returns>
    public bool Add(UInt128 hash)
    {
        // Zero marks a free slot, so it is remembered beside the table.
        if (hash == UInt128.Zero)
        {
            var isNew = !_holdsZero;
            _holdsZero = true;
            return isNew;
        }
        if (_count * 4L >= _slots.Length * 3L) Grow();
        if (!Insert(_slots, hash)) return false;
        _count++;
        return true;
    }

    public bool Contains(UInt128 hash)
    {
        if (hash == UInt128.Zero) return _holdsZero;
        var slots = _slots;
        if (slots.Length == 0) return false;
        for (var i = Slot(hash, slots.Length); ; i = (i + 1) & (slots.Length - 1))
        {
            if (slots[i] == hash) return true;
            if (slots[i] == UInt128.Zero) return false;
        }
    }

    private static int Slot(UInt128 hash, int length) => (int)(ulong)hash & (length - 1);

    private static bool Insert(UInt128[] slots, UInt128 hash)
    {
        for (var i = Slot(hash, slots.Length); ; i = (i + 1) & (slots.Length - 1))
        {
            ref var slot = ref slots[i];
            if (slot == UInt128.Zero)
            {
                slot = hash;
                return true;
            }
            if (slot == hash) return false;
        }
    }

    private void Grow()
    {
        var old = _slots;
        var larger = new UInt128[old.Length == 0 ? FirstSlots : checked(old.Length * 2)];
        foreach (var hash in old)
            if (hash != UInt128.Zero) Insert(larger, hash);
        _slots = larger;
    }
}
