using System.Diagnostics.CodeAnalysis;
using System.Text;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Reads an event from the raw query string of <c>POST /analytics</c>: one pass, no allocation, nothing guessed. A parameter that is
/// unknown, double or malformed refuses the request.
/// </summary>
public ref struct EventQuery
{
    public const int MaxUserBytes = 256;
    public const int MaxIdBytes = 128;

    /// <summary>Memory that <see cref="TryParse"/> needs for the decoded text.</summary>
    public const int ScratchBytes = MaxUserBytes + MaxIdBytes + HeaderBytes;

    // One byte more than allowed, so that a longer header is seen.
    private const int HeaderBytes = MaxIdBytes;
    private const int MaxNameBytes = 10;
    private const int MaxWordBytes = 10;

    private readonly Span<byte> _scratch;
    private ReadOnlySpan<byte> _user;
    private ReadOnlySpan<byte> _id;
    private long _timestampMs;
    private EventKind _kind;

    private EventQuery(Span<byte> scratch)
    {
        _scratch = scratch;
        _timestampMs = -1;
    }

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="idempotencyKey">The header as received, null without one.</param>
    /// <param name="latestMs">Latest timestamp to take, Unix time in ms.</param>
    /// <param name="scratch">At least <see cref="ScratchBytes"/>; the event's text lies in it.</param>
    public static bool TryParse(ReadOnlySpan<char> query, string? idempotencyKey, long latestMs, Span<byte> scratch,
        out IngestEvent e, [NotNullWhen(false)] out Refusal? refusal)
    {
        var parser = new EventQuery(scratch);
        refusal = parser.ReadParameters(query) ?? parser.ReadHeader(idempotencyKey) ?? parser.CheckWhole(latestMs);
        e = refusal is not null
            ? default
            : new IngestEvent { TimestampMs = parser._timestampMs, Kind = parser._kind, User = parser._user, Id = parser._id };
        return refusal is null;
    }

    private Refusal? ReadParameters(ReadOnlySpan<char> rest)
    {
        if (rest.StartsWith('?')) rest = rest[1..];
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf('&');
            var pair = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            // Two ampersands in a row, or one at the end, hold no parameter.
            if (!pair.IsEmpty && ReadParameter(pair) is { } refusal) return refusal;
        }
        return null;
    }

    private Refusal? ReadParameter(ReadOnlySpan<char> pair)
    {
        var equals = pair.IndexOf('=');
        var rawName = equals < 0 ? pair : pair[..equals];
        var value = equals < 0 ? [] : pair[(equals + 1)..];
        // Escapes in a name mean the same as the name itself; otherwise a double parameter could hide behind one.
        Span<byte> name = stackalloc byte[MaxNameBytes];
        if (PercentEncoding.Decode(rawName, name, out var length) != TextFault.None) return Refusal.UnknownParameter(rawName);
        name = name[..length];

        if (name.SequenceEqual("timestamp"u8)) return ReadTimestamp(value);
        if (name.SequenceEqual("user"u8)) return ReadUser(value);
        if (name.SequenceEqual("click"u8)) return ReadFlag(value, EventKind.Click, Refusals.ClickValue);
        if (name.SequenceEqual("impression"u8)) return ReadFlag(value, EventKind.Impression, Refusals.ImpressionValue);
        if (name.SequenceEqual("event"u8)) return ReadEvent(value);
        if (name.SequenceEqual("id"u8)) return ReadId(value);
        return Refusal.UnknownParameter(rawName);
    }

    private Refusal? ReadTimestamp(ReadOnlySpan<char> value)
    {
        if (_timestampMs >= 0) return Refusals.TimestampTwice;
        if (value.IsEmpty) return Refusals.TimestampMissing;
        foreach (var c in value)
            if (!char.IsAsciiDigit(c)) return Refusals.TimestampNotAnInteger;
        value = value.TrimStart('0');
        // 19 digits fit in 64 bits; anything longer is far beyond the last date anyway.
        if (value.Length > 18) return Refusals.TimestampTooLarge;
        var timestamp = 0L;
        foreach (var c in value) timestamp = timestamp * 10 + (c - '0');
        if (timestamp > Hours.LastTimestampMs) return Refusals.TimestampTooLarge;
        _timestampMs = timestamp;
        return null;
    }

    private Refusal? ReadUser(ReadOnlySpan<char> value)
    {
        if (!_user.IsEmpty) return Refusals.UserTwice;
        var fault = PercentEncoding.Decode(value, _scratch[..MaxUserBytes], out var length);
        _user = _scratch[..length];
        return fault switch
        {
            TextFault.None => length == 0 ? Refusals.UserMissing : null,
            TextFault.TooLong => Refusals.UserTooLong,
            TextFault.BadEscape => Refusals.UserBadEscape,
            TextFault.ControlCharacter => Refusals.UserControl,
            _ => Refusals.UserNotUtf8,
        };
    }

    private Refusal? ReadFlag(ReadOnlySpan<char> value, EventKind kind, Refusal wrongValue)
    {
        if (!value.IsEmpty && !Means(value, "true"u8)) return wrongValue;
        return Take(kind);
    }

    private Refusal? ReadEvent(ReadOnlySpan<char> value)
    {
        if (Means(value, "click"u8)) return Take(EventKind.Click);
        if (Means(value, "impression"u8)) return Take(EventKind.Impression);
        return Refusals.EventUnknown;
    }

    private Refusal? Take(EventKind kind)
    {
        if (_kind != EventKind.Unspecified) return Refusals.EventTwice;
        _kind = kind;
        return null;
    }

    private Refusal? ReadId(ReadOnlySpan<char> value)
    {
        if (!_id.IsEmpty) return Refusals.Id.Twice;
        var fault = PercentEncoding.Decode(value, _scratch.Slice(MaxUserBytes, MaxIdBytes), out var length);
        if (fault != TextFault.None) return Refusals.Id.Of(fault);
        if (length == 0) return Refusals.Id.Empty;
        _id = _scratch.Slice(MaxUserBytes, length);
        return null;
    }

    /// <summary>A header is taken as it is, not percent-decoded.</summary>
    private Refusal? ReadHeader(string? key)
    {
        if (key is null) return null;
        if (key.Length == 0) return Refusals.Key.Empty;
        var header = _scratch.Slice(MaxUserBytes + MaxIdBytes, HeaderBytes);
        if (!Encoding.UTF8.TryGetBytes(key, header, out var length)) return Refusals.Key.TooLong;
        header = header[..length];
        // A lone surrogate would have become U+FFFD.
        if (header.IndexOf("\uFFFD"u8) >= 0 && !key.Contains('\uFFFD')) return Refusals.Key.NotUtf8;
        if (PercentEncoding.Check(header) is var fault and not TextFault.None) return Refusals.Key.Of(fault);
        if (!_id.IsEmpty && !_id.SequenceEqual(header)) return Refusals.IdDiffers;
        _id = header;
        return null;
    }

    private readonly Refusal? CheckWhole(long latestMs)
    {
        if (_timestampMs < 0) return Refusals.TimestampMissing;
        if (_timestampMs > latestMs) return Refusals.TimestampInFuture;
        if (_user.IsEmpty) return Refusals.UserMissing;
        return _kind == EventKind.Unspecified ? Refusals.EventMissing : null;
    }

    private static bool Means(ReadOnlySpan<char> value, ReadOnlySpan<byte> word)
    {
        Span<byte> decoded = stackalloc byte[MaxWordBytes];
        return PercentEncoding.Decode(value, decoded, out var length) == TextFault.None && decoded[..length].SequenceEqual(word);
    }
}
