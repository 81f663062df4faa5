using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>Sums of one flow in one hour; neither ever falls or passes 2^63 - 1.</summary>
public record struct FlowBytes(long Tx, long Rx, bool Saturated)
{
    /// <summary>Set while the sums have changed since they were handed out.</summary>
    public bool Touched { get; set; }

    /// <param name="tx">At least 0.</param>
    /// <param name="rx">At least 0.</param>
    /// <returns>False when a sum could not take it whole and stays at the maximum.</returns>
    public bool Add(long tx, long rx)
    {
        var (sumTx, sumRx) = (Tx + tx, Rx + rx);
        var whole = sumTx >= 0 && sumRx >= 0;
        Tx = sumTx < 0 ? long.MaxValue : sumTx;
        Rx = sumRx < 0 ? long.MaxValue : sumRx;
        Saturated |= !whole;
        return whole;
    }
}

/// <summary>The sums of one input partition, found by the bytes of their record key, hour by hour.</summary>
public sealed class FlowSums : IDisposable
{
    private readonly Dictionary<long, FlowHour> _hours = [];
    private readonly List<(FlowHour Hour, byte[] Key)> _touched = [];
    private readonly FlowMemory _memory;

    public FlowSums(FlowMemory memory)
    {
        _memory = memory;
        memory.Join(this);
    }

    /// <summary>Hours that have something in memory.</summary>
    public IEnumerable<FlowHour> Held => _hours.Values.Where(hour => hour.Bytes > 0);

    /// <summary>Hours that have sums, in memory or not.</summary>
    public int HourCount => _hours.Count;

    /// <summary>Whether an hour has sums, and nobody knows with which array it began: as those have that a rebuild carried over.</summary>
    public bool IsOfUnknownBeginning(long hour) => _hours.TryGetValue(hour, out var found) && found.FirstOffset is null;

    /// <param name="offset">Of the array.</param>
    /// <param name="hour">Of the flow, as <paramref name="key"/> has it.</param>
    /// <param name="key">Of the record.</param>
    /// <param name="tx">At least 0.</param>
    /// <param name="rx">At least 0.</param>
    /// <returns>False when a sum could not take it whole.</returns>
    public bool Add(long offset, long hour, ReadOnlySpan<byte> key, long tx, long rx)
    {
        var of = Hour(hour, offset);
        of.Return();
        ref var sum = ref of.At(key);
        if (!sum.Touched)
        {
            sum.Touched = true;
            of.Touched = true;
            _touched.Add((of, of.Stored(key)));
        }
        return sum.Add(tx, rx);
    }

    /// <param name="key">Of the record.</param>
    /// <param name="sum">Its value.</param>
    /// <param name="firstOffset">As the record has it; null where it has none.</param>
    /// <exception cref="InvalidDataException">The key has no hour.</exception>
    public void Restore(ReadOnlySpan<byte> key, FlowBytes sum, long? firstOffset)
    {
        if (!Utf8Parser.TryParse(key, out long hour, out _)) throw new InvalidDataException("The key of a sum of flows has no hour.");
        var of = Hour(hour, firstOffset);
        of.Heard(firstOffset);
        of.At(key) = sum;
        _memory.MakeRoom();
    }

    /// <summary>Hands out every sum that changed since the last call, with the first offset of its hour. Then hours beyond the memory leave it.</summary>
    public void TakeTouched(Action<byte[], FlowBytes, long?> take)
    {
        foreach (var (hour, key) in _touched)
        {
            ref var sum = ref hour.At(key);
            sum.Touched = hour.Touched = false;
            take(key, sum, hour.FirstOffset);
        }
        _touched.Clear();
        _memory.MakeRoom();
    }

    public void Dispose()
    {
        _memory.Leave(this);
        foreach (var hour in _hours.Values) hour.Dispose();
        _hours.Clear();
    }

    private FlowHour Hour(long hour, long? firstOffset)
    {
        ref var found = ref CollectionsMarshal.GetValueRefOrAddDefault(_hours, hour, out var exists);
        if (exists) return found!;
        return found = new FlowHour(_memory, firstOffset);
    }
}
