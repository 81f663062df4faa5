using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.MaterializerService.Sinks;

/// <summary>Records of analytics.sketches.</summary>
public sealed class HourSketchKind : IPartialKind<HourSketch>
{
    private const long LastHour = Hours.LastTimestampMs / Hours.MillisecondsPerHour;

    public PartialRecord<HourSketch> Read(string topic, FeedRecord record)
    {
        if (record.Value is null) return default;
        PartialRecords.Refuse(topic, record, RecordTypes.HourSketch);
        if (!RecordKeys.TryParsePair(record.Key ?? [], out var hour, out var partition)) throw PartialRecords.Damaged(topic, record);
        var sketch = PartialRecords.Parse(topic, record, HourSketch.Parser);
        return sketch.Hour == hour && sketch.Partition == partition && partition == record.Partition && Valid(sketch)
            ? new PartialRecord<HourSketch>(sketch, null)
            : throw PartialRecords.Damaged(topic, record);
    }

    public object Identity(HourSketch sketch) => (sketch.Generation, sketch.Hour, sketch.Partition);

    public int Partition(HourSketch sketch) => sketch.Partition;

    public long NextOffset(HourSketch sketch) => sketch.NextOffset;

    private static bool Valid(HourSketch sketch)
    {
        if (sketch is not { Hour: >= 0 and <= LastHour, Generation: > 0, NextOffset: >= 0, Users: > 0 }) return false;
        try
        {
            HyperLogLogFormat.Read(sketch.Sketch.Span);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
