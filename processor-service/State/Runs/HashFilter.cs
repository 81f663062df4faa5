using System.Numerics;
using System.Runtime.Intrinsics;

namespace Tally.ProcessorService.State.Runs;

/// <summary>
/// Says of a hash that it is surely not in a run, or that it may be: a split-block Bloom filter (the one of Apache Parquet), one cache
/// line a question, about 1 wrong "may be" in 80 at 10 bits a hash.
/// </summary>
public sealed unsafe class HashFilter : IDisposable
{
    public const int BitsPerHash = 10;
    private const int BlockBytes = 32;

    // The eight odd numbers of the Parquet format.
    private static readonly Vector256<uint> Salt = Vector256.Create(
        0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du, 0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u);

    private readonly NativeBytes _memory;
    private readonly uint _blocks;

    /// <param name="count">Hashes it will hold, about.</param>
    public HashFilter(long count)
    {
        _blocks = checked((uint)(Math.Max(1, count) * BitsPerHash / (BlockBytes * 8)) + 1);
        _memory = new NativeBytes((long)_blocks * BlockBytes);
    }

    /// <summary>An empty one of stored size, to be filled through <see cref="Bytes"/>.</summary>
    public static HashFilter OfBytes(int bytes) => new(bytes, true);

    private HashFilter(int bytes, bool _)
    {
        _blocks = (uint)(bytes / BlockBytes);
        _memory = new NativeBytes(bytes);
    }

    public static bool IsLength(int bytes) => bytes >= BlockBytes && bytes % BlockBytes == 0;

    public Span<byte> Bytes => new(_memory.Start, (int)_memory.Length);

    /// <summary>The same hash of another hour, or an id beside a user, is another key.</summary>
    public static ulong Key(long set, UInt128 hash) => ((ulong)hash ^ (ulong)(hash >> 64)) + ((ulong)set * 0x9e3779b97f4a7c15);

    public void Add(ulong key)
    {
        var block = Block(key = Mix(key));
        Vector256.Store(Vector256.Load(block) | Mask(key), block);
    }

    public bool MayContain(ulong key)
    {
        var block = Block(key = Mix(key));
        var mask = Mask(key);
        return (Vector256.Load(block) & mask) == mask;
    }

    public void Dispose() => _memory.Dispose();

    // Tests use hashes that are small numbers; the real ones would not need it.
    private static ulong Mix(ulong key)
    {
        key = (key ^ (key >> 32)) * 0xd6e8feb86659fd93;
        return key ^ (key >> 32);
    }

    private uint* Block(ulong key) => (uint*)_memory.Start + (Math.BigMul((uint)(key >> 32), _blocks) >> 32 << 3);

    private static Vector256<uint> Mask(ulong key)
    {
        var shifts = (Vector256.Create((uint)key) * Salt) >> 27;
        return Vector256.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Avx2.IsSupported
            ? System.Runtime.Intrinsics.X86.Avx2.ShiftLeftLogicalVariable(Vector256<uint>.One, shifts)
            : Plain(shifts);
    }

    private static Vector256<uint> Plain(Vector256<uint> shifts)
    {
        var mask = Vector256<uint>.Zero;
        for (var lane = 0; lane < Vector256<uint>.Count; lane++) mask = mask.WithElement(lane, BitOperations.RotateLeft(1u, (int)shifts[lane]));
        return mask;
    }
}
