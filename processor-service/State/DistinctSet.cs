using Tally.Shared.Sketches;

namespace Tally.ProcessorService.State;

/// <summary>
/// A set of 128-bit hashes in one open-addressing table, about three quarters full at the most, nothing per entry but its 16 bytes. The
/// entries are keyed hashes, so their low bits are as good as any hash of them. Only grows, until it is cleared.
/// </summary>
public sealed unsafe class DistinctSet(StateBudget? budget = null) : IDisposable
{
    private const int FirstSlots = 4;

    /// <summary>Growing past this many bytes asks the budget first: old and new table stand side by side for a moment.</summary>
    private const long LargeBytes = 1 << 20;

    private NativeBytes? _memory;
    private UInt128* _slots;
    private ulong _length;
    private long _growAt;
    private int _count;
    private bool _holdsZero;

    public int Count => _count + (_holdsZero ? 1 : 0);

    /// <summary>Bytes that the table costs.</summary>
    public long Bytes => _memory?.Cost ?? 0;

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
        if (_count >= _growAt) Grow();
        if (!Insert(hash)) return false;
        _count++;
        return true;
    }

    public bool Contains(UInt128 hash)
    {
        if (hash == UInt128.Zero) return _holdsZero;
        if (_length == 0) return false;
        for (var slot = Slot(hash); ; slot = Next(slot))
        {
            if (_slots[slot] == hash) return true;
            if (_slots[slot] == UInt128.Zero) return false;
        }
    }

    /// <summary>Copies all hashes in no order.</summary>
    /// <param name="to">At least <see cref="Count"/> long.</param>
    public void CopyTo(Span<UInt128> to)
    {
        var at = 0;
        if (_holdsZero) to[at++] = UInt128.Zero;
        for (ulong slot = 0; slot < _length; slot++)
            if (_slots[slot] != UInt128.Zero) to[at++] = _slots[slot];
    }

    /// <summary>Adds all hashes to a sketch.</summary>
    public void AddTo(HyperLogLog sketch)
    {
        if (_holdsZero) sketch.Add(UInt128.Zero);
        for (ulong slot = 0; slot < _length; slot++)
            if (_slots[slot] != UInt128.Zero) sketch.Add(_slots[slot]);
    }

    /// <summary>Makes room for <paramref name="count"/> hashes in all, so that none of them makes the table grow.</summary>
    public void Reserve(int count)
    {
        var slots = Math.Max(FirstSlots, ((long)count * 4 / 3) + 1);
        if ((ulong)slots > _length) Rebuild(slots);
    }

    /// <summary>Empties the set and gives its memory back.</summary>
    public void Clear()
    {
        budget?.Take(-Bytes);
        _memory?.Dispose();
        _memory = null;
        _slots = null;
        (_length, _growAt, _count, _holdsZero) = (0, 0, 0, false);
    }

    public void Dispose() => Clear();

    // The low 64 bits as a fraction of the table: any length will do, so that it need not double each time.
    private ulong Slot(UInt128 hash) => Math.BigMul((ulong)hash, _length, out _);

    private ulong Next(ulong slot) => slot + 1 == _length ? 0 : slot + 1;

    private bool Insert(UInt128 hash)
    {
        for (var slot = Slot(hash); ; slot = Next(slot))
        {
            if (_slots[slot] == UInt128.Zero)
            {
                _slots[slot] = hash;
                return true;
            }
            if (_slots[slot] == hash) return false;
        }
    }

    private void Grow()
    {
        var slots = _length == 0 ? FirstSlots : (long)_length + Math.Max(FirstSlots, (long)_length * 5 / 8);
        if (slots * 16 > LargeBytes && budget is not null && !budget.Fits(slots * 16) && _count < (long)_length * 7 / 8)
        {
            // A little fuller than it likes to be, until somebody makes room.
            _growAt = Math.Min((long)_length * 7 / 8, _growAt + ((long)_length / 64) + 1);
            return;
        }
        Rebuild(slots);
    }

    private void Rebuild(long slots)
    {
        var (old, length) = (_memory, _length);
        var from = _slots;
        _memory = new NativeBytes(slots * 16);
        budget?.Take(_memory.Cost - (old?.Cost ?? 0));
        _slots = (UInt128*)_memory.Start;
        _length = (ulong)slots;
        _growAt = slots * 3 / 4;
        for (ulong slot = 0; slot < length; slot++)
            if (from[slot] != UInt128.Zero) Insert(from[slot]);
        old?.Dispose();
    }
}
