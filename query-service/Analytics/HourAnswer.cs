using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Analytics;

/// <summary>The numbers of one hour as some source had them, with the bytes that go out: digits only, whatever the culture.</summary>
/// <param name="hour">Number of the hour.</param>
/// <param name="counts">Its numbers.</param>
/// <param name="progress">How far the source was.</param>
/// <param name="countedTo">As in <see cref="HourReading"/>.</param>
public sealed class HourAnswer(long hour, HourCounts counts, SourceProgress progress, IReadOnlyList<long>? countedTo = null)
{
    private const int MaxDigits = 20;
    private byte[]? _json;
    private string? _position;
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

    /// <summary>
    /// <c>p.o,p.o…</c>: of each partition the last event that may be in the numbers. Whoever waits for these, at whichever instance, sees no older numbers. Empty while
    /// there are none.
    /// </summary>
    public string Position => _position ??= Furthest();

    private string Furthest()
    {
        var text = new DefaultInterpolatedStringHandler(0, 0, CultureInfo.InvariantCulture, stackalloc char[256]);
        var count = Math.Max(progress.PartitionCount, countedTo?.Count ?? 0);
        var separator = "";
        for (var partition = 0; partition < count; partition++)
        {
            var next = Math.Max(progress[partition]?.NextOffset ?? 0, partition < countedTo?.Count ? countedTo[partition] : 0);
            if (next == 0) continue;
            text.AppendLiteral(separator);
            text.AppendFormatted(partition);
            text.AppendLiteral(".");
            text.AppendFormatted(next - 1);
            separator = ",";
        }
        return text.ToStringAndClear();
    }

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
