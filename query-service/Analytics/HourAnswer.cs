using System.Buffers.Text;
using System.Globalization;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Analytics;

/// <summary>The numbers of one hour as some source had them, with the bytes that go out: digits only, whatever the culture.</summary>
public sealed class HourAnswer(long hour, HourCounts counts, SourceProgress progress)
{
    private const int MaxDigits = 20;
    private byte[]? _json;
    private string? _textTag;
    private string? _jsonTag;

    public HourCounts Counts => counts;

    /// <summary>The counts are at least this new.</summary>
    public SourceProgress Progress => progress;

    /// <summary>Every event appended before this Unix time (ms) is in the counts; 0 while nothing is known of some partition.</summary>
    public long AsOfMs { get; } = progress.AsOfMs;

    /// <summary><c>unique_users,N\nclicks,N\nimpressions,N\n</c></summary>
    public byte[] Text { get; } = Write("unique_users,"u8, counts.UniqueUsers, "\nclicks,"u8, counts.Clicks, "\nimpressions,"u8, counts.Impressions, "\n"u8);

    /// <summary>The same numbers with the hour's start in Unix time (ms).</summary>
    public byte[] Json => _json ??= Write("{\"unique_users\":"u8, counts.UniqueUsers, ",\"clicks\":"u8, counts.Clicks, ",\"impressions\":"u8,
        counts.Impressions, ",\"hour_start\":"u8, Hours.StartMs(hour), "}\n"u8);

    public byte[] In(AnswerForm form) => form == AnswerForm.Json ? Json : Text;

    /// <summary>The entity tag of a form, quotes included: the same numbers have the same one, whichever instance or source gave them.</summary>
    public string TagOf(AnswerForm form) => form == AnswerForm.Json ? _jsonTag ??= Tag('j') : _textTag ??= Tag('t');

    private string Tag(char form) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{form}{counts.UniqueUsers:x}.{counts.Clicks:x}.{counts.Impressions:x}\"");

    private static byte[] Write(ReadOnlySpan<byte> a, long first, ReadOnlySpan<byte> b, long second, ReadOnlySpan<byte> c, long third,
        ReadOnlySpan<byte> d, long? fourth = null, ReadOnlySpan<byte> e = default)
    {
        Span<byte> buffer = stackalloc byte[a.Length + b.Length + c.Length + d.Length + e.Length + 4 * MaxDigits];
        var written = 0;
        Append(buffer, ref written, a, first);
        Append(buffer, ref written, b, second);
        Append(buffer, ref written, c, third);
        Append(buffer, ref written, d, fourth);
        Append(buffer, ref written, e, null);
        return buffer[..written].ToArray();
    }

    private static void Append(Span<byte> buffer, ref int written, ReadOnlySpan<byte> text, long? number)
    {
        text.CopyTo(buffer[written..]);
        written += text.Length;
        if (number is not { } value) return;
        Utf8Formatter.TryFormat(value, buffer[written..], out var digits);
        written += digits;
    }
}
