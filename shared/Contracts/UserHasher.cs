using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Tally.Shared.Contracts;

/// <summary>
/// Turns users and ids into keyed 128-bit hashes; nothing past ingest holds the raw text. The 256-bit key is split: its first half
/// hashes users, its second half ids, so that an id can never pass for a user.
/// </summary>
public sealed class UserHasher
{
    public const int KeyBytes = 32;
    public const int HashBytes = 16;

    private readonly SipHash128 _users;
    private readonly SipHash128 _ids;

    /// <param name="key">32 random bytes.</param>
    public UserHasher(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyBytes) throw new ArgumentException("The hash key is 32 bytes.", nameof(key));
        _users = new SipHash128(key[..16]);
        _ids = new SipHash128(key[16..]);
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData([.. "tally-hash-key"u8, .. key]).AsSpan(0, 8));
    }

    /// <summary>16 hex digits that tell keys apart without revealing them; kept in the progress records.</summary>
    public string Fingerprint { get; }

    /// <param name="user">UTF-8 as received; two spellings of a name that differ in bytes are two users.</param>
    public UInt128 HashUser(ReadOnlySpan<byte> user) => _users.Hash(user);

    /// <summary>Hash of an idempotency id within its user: the same id of another user is unrelated.</summary>
    /// <param name="id">UTF-8, at most 128 bytes.</param>
    public UInt128 HashId(UInt128 user, ReadOnlySpan<byte> id)
    {
        Span<byte> scoped = stackalloc byte[HashBytes + id.Length];
        BinaryPrimitives.WriteUInt128LittleEndian(scoped, user);
        id.CopyTo(scoped[HashBytes..]);
        return _ids.Hash(scoped);
    }
}
