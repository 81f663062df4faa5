using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Tally.Shared.Contracts;

/// <summary>Keys of the internal compacted topics (a stored format). Text, so that kcat shows them.</summary>
public static class RecordKeys
{
    /// <summary>Key of the progress record in the changelog, where the topic's partition names the input partition.</summary>
    public static readonly byte[] ChangelogProgress = "progress"u8.ToArray();

    private static ReadOnlySpan<byte> ProgressPrefix => "progress|"u8;

    /// <summary>Key of a <see cref="HourPartial"/>: <c>hour|partition</c>.</summary>
    public static byte[] HourPartial(long hour, int partition) => Ascii($"{hour}|{partition}");

    /// <summary>Key of a <see cref="Contracts.HourSketch"/>: <c>hour|partition</c>, in a topic of its own.</summary>
    public static byte[] HourSketch(long hour, int partition) => Ascii($"{hour}|{partition}");

    /// <summary>Key of a <see cref="Progress"/> in analytics.hours: <c>progress|partition</c>.</summary>
    public static byte[] Progress(int partition) => Ascii($"progress|{partition}");

    /// <summary>Key of a <see cref="StateChunk"/> in the changelog: <c>hour|chunk</c>.</summary>
    public static byte[] StateChunk(long hour, int chunk) => Ascii($"{hour}|{chunk}");

    /// <summary>Key of a <see cref="Contracts.HoursDropped"/> in the changelog: <c>dropped|first hour</c>.</summary>
    public static byte[] HoursDropped(long firstHour) => Ascii($"dropped|{firstHour}");

    /// <summary>Key of a <see cref="Contracts.FlowKeys"/> in flows.sums: <c>keys|hour|chunk</c>.</summary>
    public static byte[] FlowKeys(long hour, int chunk) => Ascii($"keys|{hour}|{chunk}");

    public static bool IsFlowKeys(ReadOnlySpan<byte> key) => key.StartsWith("keys|"u8);

    public static bool IsHoursDropped(ReadOnlySpan<byte> key) => key.StartsWith("dropped|"u8);

    /// <summary>Key of a <see cref="Contracts.FrameClock"/> in the changelog, where the topic's partition names the input partition.</summary>
    public static readonly byte[] FrameClock = "clock"u8.ToArray();

    /// <summary>Key of a <see cref="Contracts.FrameChunk"/>: <c>kind|start|chunk</c>.</summary>
    public static byte[] FrameChunk(string kind, long start, int chunk) => Ascii($"{kind}|{start}|{chunk}");

    /// <summary>Key of a <see cref="Contracts.FrameHeld"/>: <c>held|offset</c>.</summary>
    public static byte[] FrameHeld(long offset) => Ascii($"held|{offset}");

    public static bool IsFrameHeld(ReadOnlySpan<byte> key) => key.StartsWith("held|"u8);

    /// <summary>Key of a <see cref="Contracts.FrameWindow"/> in frames.progress: <c>window|kind|start</c>.</summary>
    public static byte[] FrameWindow(string kind, long start) => Ascii($"window|{kind}|{start}");

    public static bool IsProgress(ReadOnlySpan<byte> key) => key.StartsWith(ProgressPrefix) || key.SequenceEqual(ChangelogProgress);

    /// <summary>Reads <c>number|number</c>, the form of hour and chunk keys.</summary>
    public static bool TryParsePair(ReadOnlySpan<byte> key, out long first, out int second)
    {
        second = 0;
        return Utf8Parser.TryParse(key, out first, out var used) && used < key.Length && key[used] == (byte)'|'
            && Utf8Parser.TryParse(key[(used + 1)..], out second, out var rest) && used + 1 + rest == key.Length;
    }

    private static byte[] Ascii(FormattableString text) => Encoding.ASCII.GetBytes(text.ToString(CultureInfo.InvariantCulture));
}
