using System.Text;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.MaterializerService.Sinks;

/// <summary>A decoded record: counts, progress, or neither (a tombstone: stored numbers never fall).</summary>
public readonly record struct HourRecord(HourPartial? Partial, Progress? Progress)
{
    private const long LastHour = Hours.LastTimestampMs / Hours.MillisecondsPerHour;

    /// <exception cref="ConfigurationException">A record this version does not understand; the sentence says where it lies.</exception>
    public static HourRecord Read(string topic, FeedRecord record)
    {
        if (record.Value is null) return default;
        var key = record.Key ?? [];
        if (RecordKeys.IsProgress(key))
        {
            Refuse(topic, record, RecordTypes.Progress);
            var progress = Parse(topic, record, Shared.Contracts.Progress.Parser);
            return progress.Partition == record.Partition && progress.Generation > 0 && progress.NextOffset >= 0
                ? new HourRecord(null, progress)
                : throw Damaged(topic, record);
        }
        Refuse(topic, record, RecordTypes.HourPartial);
        if (!RecordKeys.TryParsePair(key, out var hour, out var partition)) throw Damaged(topic, record);
        var partial = Parse(topic, record, HourPartial.Parser);
        return partial.Hour == hour && partial.Partition == partition && partition == record.Partition && Valid(partial)
            ? new HourRecord(partial, null)
            : throw Damaged(topic, record);
    }

    private static bool Valid(HourPartial partial) =>
        partial is { Hour: >= 0 and <= LastHour, Generation: > 0, NextOffset: >= 0, Clicks: >= 0, Impressions: >= 0, UniqueUsers: >= 0 };

    private static T Parse<T>(string topic, FeedRecord record, MessageParser<T> parser) where T : IMessage<T>
    {
        try
        {
            return parser.ParseFrom(record.Value);
        }
        catch (InvalidProtocolBufferException)
        {
            throw Damaged(topic, record);
        }
    }

    private static void Refuse(string topic, FeedRecord record, byte[] type)
    {
        if (RecordTypes.Is(record.Headers, type, out var found)) return;
        throw new ConfigurationException(
            $"{Where(topic, record)} is of type '{found}', this program knows {Encoding.ASCII.GetString(type)}: run the program that wrote it or a newer one.");
    }

    private static ConfigurationException Damaged(string topic, FeedRecord record) =>
        new($"{Where(topic, record)} is no record of processor-service: find out who writes to the topic; a tombstone under the same key takes the record out.");

    private static string Where(string topic, FeedRecord record) => $"The record at offset {record.Offset} of partition {record.Partition} of {topic}";
}
