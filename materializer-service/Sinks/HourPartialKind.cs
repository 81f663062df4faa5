using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;

namespace Tally.MaterializerService.Sinks;

/// <summary>Records of analytics.hours.</summary>
public sealed class HourPartialKind : IPartialKind<HourPartial>
{
    private const long LastHour = Hours.LastTimestampMs / Hours.MillisecondsPerHour;

    public PartialRecord<HourPartial> Read(string topic, FeedRecord record)
    {
        if (record.Value is null) return default;
        var key = record.Key ?? [];
        if (RecordKeys.IsProgress(key)) return PartialRecords.ReadProgress<HourPartial>(topic, record);
        PartialRecords.Refuse(topic, record, RecordTypes.HourPartial);
        if (!RecordKeys.TryParsePair(key, out var hour, out var partition)) throw PartialRecords.Damaged(topic, record);
        var partial = PartialRecords.Parse(topic, record, HourPartial.Parser);
        return partial.Hour == hour && partial.Partition == partition && partition == record.Partition && Valid(partial)
            ? new PartialRecord<HourPartial>(partial, null)
            : throw PartialRecords.Damaged(topic, record);
    }

    public object Identity(HourPartial partial) => (partial.Generation, partial.Hour, partial.Partition);

    public int Partition(HourPartial partial) => partial.Partition;

    public long NextOffset(HourPartial partial) => partial.NextOffset;

    private static bool Valid(HourPartial partial) =>
        partial is { Hour: >= 0 and <= LastHour, Generation: > 0, NextOffset: >= 0, Clicks: >= 0, Impressions: >= 0, UniqueUsers: >= 0 };
}
