using System.Numerics;

namespace Tally.Shared.Sketches;

/// <summary>
/// Estimates how many different hashes were added, in at most 16 KiB. While there are few it keeps them in a finer, sparse form that is
/// right to a few in a million; past <see cref="SparseMax"/> entries it turns into 2^14 registers with a standard error of 0.81 %
/// (1.04 / √2^14). Two sketches merge into that of the union, whatever their forms; the order of adding changes nothing.
/// Flajolet et al. 2007, Heule et al. 2013 (sparse form), Ertl 2017 (the estimate, which needs no tables of biases).
/// </summary>
public sealed class HyperLogLog
{
    public const int Precision = 14;

    /// <summary>Entries of the sparse form at the most.</summary>
    public const int SparseMax = 2048;

    /// <summary>Standard error of an estimate relative to the truth, once the sketch is no longer sparse.</summary>
    public const double DenseStandardError = 1.04 / (1 << (Precision / 2));

    /// <summary>
    /// Standard error of the sparse form, whatever it holds: of n hashes about n²/2^27 share one of its 2^26 places, give or take n/√2^27.
    /// </summary>
    public const double SparseStandardError = 8.7e-5;

    internal const int Registers = 1 << Precision;
    internal const int SparsePrecision = 26;
    internal const int RankBits = 6;

    /// <summary>Bits of a hash that are looked at; the registers count leading zeros of what the index leaves of them.</summary>
    private const int HashBits = 64;

    private uint[] _sparse = [];
    private int _sparseCount;
    private byte[]? _dense;

    public bool IsSparse => _dense is null;

    /// <summary>Standard error relative to the truth; the sparse form's is so small that it is given as 0.</summary>
    public double StandardError => IsSparse ? 0 : DenseStandardError;

    /// <summary>As <see cref="StandardError"/>, and of the sparse form what little it has.</summary>
    public double RelativeError => IsSparse ? SparseStandardError : DenseStandardError;

    /// <summary>Ascending: the index of 26 bits, then the rank of 6.</summary>
    internal ReadOnlySpan<uint> Entries => _sparse.AsSpan(0, _sparseCount);

    internal ReadOnlySpan<byte> Ranks => _dense;

    /// <summary>An empty sketch for so many hashes that it will not stay sparse: they need not go through that form first.</summary>
    public static HyperLogLog WithRegisters()
    {
        var sketch = new HyperLogLog();
        sketch.TurnDense();
        return sketch;
    }

    /// <param name="hash">Uniformly distributed in its upper 64 bits, as a keyed hash is.</param>
    /// <returns>False when the sketch holds as much already.</returns>
    public bool Add(UInt128 hash)
    {
        var bits = (ulong)(hash >> 64);
        return _dense is null ? AddSparse(Entry(bits)) : AddDense((int)(bits >> (HashBits - Precision)), Rank(bits, Precision));
    }

    /// <summary>Takes in all that was added to <paramref name="other"/>, which stays as it is.</summary>
    public void Merge(HyperLogLog other)
    {
        if (other._dense is not { } ranks)
        {
            foreach (var entry in other.Entries) AddEntry(entry);
            return;
        }
        TurnDense();
        for (var i = 0; i < Registers; i++) _dense![i] = Math.Max(_dense[i], ranks[i]);
    }

    /// <returns>The estimated number of different hashes.</returns>
    public long Estimate() => (long)Math.Round(_dense is null ? CountLinearly(_sparseCount, 1 << SparsePrecision) : ErtlEstimate.Of(_dense, HashBits - Precision));

    /// <summary>Adds what an entry of the sparse form stands for.</summary>
    internal void AddEntry(uint entry)
    {
        if (_dense is null) AddSparse(entry);
        else AddDense((int)(entry >> (RankBits + SparsePrecision - Precision)), DenseRank(entry));
    }

    /// <summary>Begins with registers as they were stored.</summary>
    internal void TakeRanks(byte[] ranks) => _dense = ranks;

    private bool AddDense(int register, int rank)
    {
        if (_dense![register] >= rank) return false;
        _dense[register] = (byte)rank;
        return true;
    }

    private bool AddSparse(uint entry)
    {
        // At most one entry an index, that of its greatest rank.
        var at = Entries.BinarySearch(entry);
        if (at >= 0) return false;
        at = ~at;
        var index = entry >> RankBits;
        if (at < _sparseCount && _sparse[at] >> RankBits == index) return false;
        if (at > 0 && _sparse[at - 1] >> RankBits == index)
        {
            _sparse[at - 1] = entry;
            return true;
        }
        if (_sparseCount == SparseMax)
        {
            TurnDense();
            AddEntry(entry);
            return true;
        }
        if (_sparseCount == _sparse.Length) Array.Resize(ref _sparse, Math.Clamp(_sparseCount * 2, 8, SparseMax));
        _sparse.AsSpan(at, _sparseCount - at).CopyTo(_sparse.AsSpan(at + 1));
        _sparse[at] = entry;
        _sparseCount++;
        return true;
    }

    private void TurnDense()
    {
        if (_dense is not null) return;
        _dense = new byte[Registers];
        foreach (var entry in Entries) AddDense((int)(entry >> (RankBits + SparsePrecision - Precision)), DenseRank(entry));
        (_sparse, _sparseCount) = ([], 0);
    }

    private static uint Entry(ulong bits) => ((uint)(bits >> (HashBits - SparsePrecision)) << RankBits) | (uint)Rank(bits, SparsePrecision);

    /// <summary>Position of the first one after the index, from 1.</summary>
    private static int Rank(ulong bits, int precision) => BitOperations.LeadingZeroCount((bits << precision) | (1UL << (precision - 1))) + 1;

    /// <summary>The rank that the same hash has in the registers: the rest of the longer index comes before its own rank.</summary>
    private static int DenseRank(uint entry)
    {
        const int more = SparsePrecision - Precision;
        var rest = (entry >> RankBits) & ((1u << more) - 1);
        return rest != 0 ? BitOperations.LeadingZeroCount(rest) - (32 - more) + 1 : more + (int)(entry & ((1 << RankBits) - 1));
    }

    private static double CountLinearly(int taken, int slots) => -slots * Math.Log(1 - ((double)taken / slots));
}
