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

/// <summary>The sums of one input partition, found by the bytes of their record key.</summary>
public sealed class FlowSums
{
    private readonly Dictionary<byte[], FlowBytes> _sums = new(KeyBytes.Comparer);
    private readonly List<byte[]> _touched = [];

    public int Count => _sums.Count;

    /// <returns>False when a sum could not take it whole.</returns>
    public bool Add(ReadOnlySpan<byte> key, long tx, long rx)
    {
        ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums.GetAlternateLookup<ReadOnlySpan<byte>>(), key, out _);
        if (!sum.Touched)
        {
            sum.Touched = true;
            _sums.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var stored, out _);
            _touched.Add(stored!);
        }
        return sum.Add(tx, rx);
    }

    public void Restore(ReadOnlySpan<byte> key, FlowBytes sum) => _sums.GetAlternateLookup<ReadOnlySpan<byte>>()[key] = sum;

    /// <summary>Hands out every sum that changed since the last call.</summary>
    public void TakeTouched(Action<byte[], FlowBytes> take)
    {
        foreach (var key in _touched)
        {
            ref var sum = ref CollectionsMarshal.GetValueRefOrNullRef(_sums, key);
            sum.Touched = false;
            take(key, sum);
        }
        _touched.Clear();
    }
}
