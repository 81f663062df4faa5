using System.Buffers.Binary;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Ingest;

/// <summary>
/// An event as it goes to Kafka: the user's hash as key, an <see cref="AnalyticsEvent"/> as value. Written by hand because it is done
/// for every POST; a test holds it equal to the generated class.
/// </summary>
public readonly record struct EventRecord(long TimestampMs, EventKind Kind, UInt128 UserHash, UInt128? IdHash)
{
    public const int KeyBytes = UserHasher.HashBytes;
    public const int MaxValueBytes = 1 + 9 + 2 + 2 * (2 + UserHasher.HashBytes);

    // Tag bytes: field number and wire type (0 varint, 2 length-delimited).
    private const byte TimestampTag = (1 << 3) | 0;
    private const byte KindTag = (3 << 3) | 0;
    private const byte UserHashTag = (4 << 3) | 2;
    private const byte IdHashTag = (5 << 3) | 2;

    /// <summary>Hashes the user and the id; nothing past this holds their text.</summary>
    public static EventRecord Of(in IngestEvent e, UserHasher hasher)
    {
        var user = hasher.HashUser(e.User);
        return new EventRecord(e.TimestampMs, e.Kind, user, e.Id.IsEmpty ? null : hasher.HashId(user, e.Id));
    }

    /// <param name="destination"><see cref="KeyBytes"/> bytes.</param>
    public void WriteKey(Span<byte> destination) => BinaryPrimitives.WriteUInt128LittleEndian(destination, UserHash);

    /// <param name="destination">At least <see cref="MaxValueBytes"/> bytes.</param>
    /// <returns>Bytes written.</returns>
    public int WriteValue(Span<byte> destination)
    {
        var at = 0;
        if (TimestampMs != 0)
        {
            destination[at++] = TimestampTag;
            var rest = (ulong)TimestampMs;
            for (; rest >= 0x80; rest >>= 7) destination[at++] = (byte)(rest | 0x80);
            destination[at++] = (byte)rest;
        }
        destination[at++] = KindTag;
        destination[at++] = (byte)Kind;
        at += WriteHash(destination[at..], UserHashTag, UserHash);
        if (IdHash is { } id) at += WriteHash(destination[at..], IdHashTag, id);
        return at;
    }

    private static int WriteHash(Span<byte> destination, byte tag, UInt128 hash)
    {
        destination[0] = tag;
        destination[1] = UserHasher.HashBytes;
        BinaryPrimitives.WriteUInt128LittleEndian(destination[2..], hash);
        return 2 + UserHasher.HashBytes;
    }
}
