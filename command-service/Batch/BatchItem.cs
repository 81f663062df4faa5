using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Batch;

/// <summary>
/// Reads one event of a batch, <c>{"timestamp":…,"user":…,"event":"click","id":…}</c>, as strictly as a query string: what is unknown, double
/// or of another type refuses the item.
/// </summary>
public ref struct BatchItem
{
    /// <summary>Largest item in bytes; user and id take some 2,300 of them when every character is escaped.</summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>Memory that <see cref="TryParse"/> needs for the decoded text.</summary>
    public const int ScratchBytes = 2 * MaxBytes;

    private static readonly JsonReaderOptions Strict = new() { MaxDepth = 4 };

    private readonly Span<byte> _userScratch;
    private readonly Span<byte> _idScratch;
    private ReadOnlySpan<byte> _user;
    private ReadOnlySpan<byte> _id;
    private long _timestampMs;
    private EventKind _kind;

    private BatchItem(Span<byte> scratch)
    {
        _userScratch = scratch[..MaxBytes];
        _idScratch = scratch[MaxBytes..ScratchBytes];
        _timestampMs = -1;
    }

    /// <param name="json">At most <see cref="MaxBytes"/> bytes, the whole item.</param>
    /// <param name="latestMs">Latest timestamp to take, Unix time in ms.</param>
    /// <param name="scratch">At least <see cref="ScratchBytes"/>; the event's text lies in it.</param>
    /// <param name="e">The event.</param>
    /// <param name="refusal">The first thing that was wrong.</param>
    public static bool TryParse(ReadOnlySpan<byte> json, long latestMs, Span<byte> scratch, out IngestEvent e, [NotNullWhen(false)] out Refusal? refusal)
    {
        var item = new BatchItem(scratch);
        try
        {
            refusal = item.Read(json) ?? item.CheckWhole(latestMs);
        }
        catch (JsonException)
        {
            refusal = BatchRefusals.NotJson;
        }
        e = refusal is not null ? default : new IngestEvent { TimestampMs = item._timestampMs, Kind = item._kind, User = item._user, Id = item._id };
        return refusal is null;
    }

    private Refusal? Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Strict);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return BatchRefusals.NotAnObject;
        Refusal? refusal = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var fault = ReadField(ref reader);
            refusal ??= fault;
        }
        // To the end, so that an item which is no JSON is told as that.
        return reader.Read() ? BatchRefusals.NotJson : refusal;
    }

    private Refusal? ReadField(ref Utf8JsonReader reader)
    {
        var refusal = reader.ValueTextEquals("timestamp"u8) ? ReadTimestamp(ref reader)
            : reader.ValueTextEquals("user"u8) ? ReadUser(ref reader)
            : reader.ValueTextEquals("event"u8) ? ReadEvent(ref reader)
            : reader.ValueTextEquals("id"u8) ? ReadId(ref reader)
            : reader.Read() ? BatchRefusals.UnknownField : null;
        reader.Skip();
        return refusal;
    }

    private Refusal? ReadTimestamp(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (_timestampMs >= 0) return Refusals.TimestampTwice;
        if (reader.TokenType != JsonTokenType.Number) return BatchRefusals.TimestampNotANumber;
        // The digits themselves: 1.0 and 1e3 are no integers here, and -0 has a sign.
        foreach (var c in reader.ValueSpan)
            if (!char.IsAsciiDigit((char)c)) return BatchRefusals.TimestampNotANumber;
        if (!reader.TryGetInt64(out var timestamp) || timestamp > Hours.LastTimestampMs) return Refusals.TimestampTooLarge;
        _timestampMs = timestamp;
        return null;
    }

    private Refusal? ReadUser(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (!_user.IsEmpty) return Refusals.UserTwice;
        if (reader.TokenType != JsonTokenType.String) return BatchRefusals.UserNotText;
        var fault = ReadText(ref reader, _userScratch, out var length);
        _user = _userScratch[..length];
        return fault switch
        {
            TextFault.None => length == 0 ? Refusals.UserMissing : length > EventQuery.MaxUserBytes ? Refusals.UserTooLong : null,
            TextFault.ControlCharacter => Refusals.UserControl,
            _ => Refusals.UserNotUtf8,
        };
    }

    private Refusal? ReadEvent(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (_kind != EventKind.Unspecified) return BatchRefusals.EventTwice;
        if (reader.TokenType != JsonTokenType.String) return BatchRefusals.EventNotText;
        _kind = reader.ValueTextEquals("click"u8) ? EventKind.Click : reader.ValueTextEquals("impression"u8) ? EventKind.Impression : EventKind.Unspecified;
        return _kind == EventKind.Unspecified ? Refusals.EventUnknown : null;
    }

    private Refusal? ReadId(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (!_id.IsEmpty) return Refusals.Id.Twice;
        if (reader.TokenType != JsonTokenType.String) return BatchRefusals.IdNotText;
        var fault = ReadText(ref reader, _idScratch, out var length);
        _id = _idScratch[..length];
        if (fault != TextFault.None) return Refusals.Id.Of(fault);
        return length == 0 ? Refusals.Id.Empty : length > EventQuery.MaxIdBytes ? Refusals.Id.TooLong : null;
    }

    private readonly Refusal? CheckWhole(long latestMs)
    {
        if (_timestampMs < 0) return Refusals.TimestampMissing;
        if (_timestampMs > latestMs) return Refusals.TimestampInFuture;
        if (_user.IsEmpty) return Refusals.UserMissing;
        return _kind == EventKind.Unspecified ? Refusals.EventMissing : null;
    }

    private static TextFault ReadText(ref Utf8JsonReader reader, Span<byte> destination, out int length)
    {
        length = 0;
        try
        {
            length = reader.CopyString(destination);
            return PercentEncoding.Check(destination[..length]);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, or bytes that are no UTF-8.
            return TextFault.NotUtf8;
        }
    }
}
