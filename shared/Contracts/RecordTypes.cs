using System.Text;
using Confluent.Kafka;

namespace Tally.Shared.Contracts;

/// <summary>
/// Every record on an internal topic names its type and version in the header <c>tally-type</c>, e.g. <c>hour-partial/1</c>.
/// A record without it comes from an outside producer and is read as version 1.
/// </summary>
public static class RecordTypes
{
    public const string Header = "tally-type";
    public const int Version = 1;

    public static readonly byte[] AnalyticsEvent = Encoding.ASCII.GetBytes("analytics-event/1");
    public static readonly byte[] HourPartial = Encoding.ASCII.GetBytes("hour-partial/1");
    public static readonly byte[] HourSketch = Encoding.ASCII.GetBytes("hour-sketch/1");
    public static readonly byte[] Progress = Encoding.ASCII.GetBytes("progress/1");
    public static readonly byte[] HoursDropped = Encoding.ASCII.GetBytes("hours-dropped/1");
    public static readonly byte[] StateChunk = Encoding.ASCII.GetBytes("state-chunk/1");
    public static readonly byte[] FrameChunk = Encoding.ASCII.GetBytes("frame-chunk/1");
    public static readonly byte[] FrameClock = Encoding.ASCII.GetBytes("frame-clock/1");
    public static readonly byte[] FrameHeld = Encoding.ASCII.GetBytes("frame-held/1");
    public static readonly byte[] FrameWindow = Encoding.ASCII.GetBytes("frame-window/1");
    public static readonly byte[] FlowArray = Encoding.ASCII.GetBytes("flow-array/1");
    public static readonly byte[] FlowSum = Encoding.ASCII.GetBytes("flow-sum/1");
    public static readonly byte[] ColoursProgress = Encoding.ASCII.GetBytes("colours-progress/1");
    public static readonly byte[] FlowKeys = Encoding.ASCII.GetBytes("flow-keys/1");

    /// <summary>
    /// True when the header is absent or names <paramref name="type"/>; otherwise <paramref name="found"/> holds what it names.
    /// </summary>
    public static bool Is(Headers? headers, byte[] type, out string? found)
    {
        found = null;
        if (headers is null || !headers.TryGetLastBytes(Header, out var value) || value.AsSpan().SequenceEqual(type)) return true;
        found = Encoding.ASCII.GetString(value, 0, Math.Min(value.Length, 64));
        return false;
    }
}
