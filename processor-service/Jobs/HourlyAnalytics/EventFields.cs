using System.Text;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>
/// The fields of an <see cref="AnalyticsEvent"/>, read in place without objects. What the short way does not understand (groups,
/// damage) is left to the generated parser, which alone decides what is valid.
/// </summary>
public ref struct EventFields
{
    private const int TimestampField = 1, UserIdField = 2, KindField = 3, UserHashField = 4, IdHashField = 5;
    private const int Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5;

    public long TimestampMs { get; private set; }
    public int Kind { get; private set; }

    /// <summary>UTF-8 as it stands in the record.</summary>
    public ReadOnlySpan<byte> UserId { get; private set; }
    public ReadOnlySpan<byte> UserHash { get; private set; }
    public ReadOnlySpan<byte> IdHash { get; private set; }

    public static bool TryRead(ReadOnlySpan<byte> value, out EventFields fields) => TryReadInPlace(value, out fields) || TryParse(value, out fields);

    private static bool TryReadInPlace(ReadOnlySpan<byte> data, out EventFields fields)
    {
        fields = default;
        while (data.Length > 0)
        {
            if (!TryReadVarint(ref data, out var tag) || tag > uint.MaxValue || tag >> 3 == 0) return false;
            switch ((int)tag & 7)
            {
                case Varint:
                    if (!TryReadVarint(ref data, out var number)) return false;
                    if (tag >> 3 == TimestampField) fields.TimestampMs = (long)number;
                    else if (tag >> 3 == KindField) fields.Kind = (int)number;
                    break;
                case Length:
                    if (!TryReadVarint(ref data, out var length) || length > (ulong)data.Length) return false;
                    var bytes = data[..(int)length];
                    data = data[(int)length..];
                    if (tag >> 3 == UserHashField) fields.UserHash = bytes;
                    else if (tag >> 3 == IdHashField) fields.IdHash = bytes;
                    else if (tag >> 3 == UserIdField) fields.UserId = bytes;
                    break;
                case Fixed64:
                    if (data.Length < 8) return false;
                    data = data[8..];
                    break;
                case Fixed32:
                    if (data.Length < 4) return false;
                    data = data[4..];
                    break;
                default:
                    return false;
            }
        }
        return System.Text.Unicode.Utf8.IsValid(fields.UserId);
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> data, out ulong value)
    {
        value = 0;
        for (var i = 0; i < 10 && i < data.Length; i++)
        {
            value |= (ulong)(data[i] & 0x7f) << (7 * i);
            if (data[i] >= 0x80) continue;
            data = data[(i + 1)..];
            return true;
        }
        return false;
    }

    private static bool TryParse(ReadOnlySpan<byte> value, out EventFields fields)
    {
        fields = default;
        try
        {
            var parsed = AnalyticsEvent.Parser.ParseFrom(value);
            fields.TimestampMs = parsed.TimestampMs;
            fields.Kind = (int)parsed.Kind;
            fields.UserId = Encoding.UTF8.GetBytes(parsed.UserId);
            fields.UserHash = parsed.UserHash.Span;
            fields.IdHash = parsed.IdHash.Span;
            // The parser puts U+FFFD where the bytes were no UTF-8.
            return !parsed.UserId.Contains('\ufffd', StringComparison.Ordinal);
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }
}
