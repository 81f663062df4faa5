using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Tally.LocalBroker.Storage.Cleaning;

/// <summary>The newest offset of each key, by a 128-bit hash of the key. "Newest" goes by offset, never by time.</summary>
internal sealed class KeyOffsets
{
    // Bounds the memory of one pass to some tens of MiB; what does not fit is cleaned by the next pass.
    public const int KeysMax = 1_000_000;
    private readonly Dictionary<UInt128, long> _newest = [];

    public bool IsFull => _newest.Count >= KeysMax;

    public void Note(ReadOnlySpan<byte> key, long offset) => _newest[Hash(key)] = offset;

    /// <summary>Whether a later record has the same key.</summary>
    public bool IsSuperseded(ReadOnlySpan<byte> key, long offset) => _newest.TryGetValue(Hash(key), out long newest) && newest > offset;

    private static UInt128 Hash(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
