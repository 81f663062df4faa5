using System.Text;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.MaterializerService.Sinks;

/// <summary>A decoded record: a partial, progress, or neither (a tombstone: stored numbers never fall).</summary>
public readonly record struct PartialRecord<T>(T? Partial, Progress? Progress) where T : class;

/// <summary>How the records of one topic of partials are read.</summary>
public interface IPartialKind<T> where T : class
{
    /// <exception cref="ConfigurationException">A record this version does not understand; the sentence says where it lies.</exception>
    PartialRecord<T> Read(string topic, FeedRecord record);

    /// <summary>What makes two partials versions of the same one.</summary>
    object Identity(T partial);

    /// <summary>Input partition.</summary>
    int Partition(T partial);

    /// <summary>The greater one is the newer version.</summary>
    long NextOffset(T partial);
}

/// <summary>What the kinds have in common.</summary>
public static class PartialRecords
{
    public static PartialRecord<T> ReadProgress<T>(string topic, FeedRecord record) where T : class
    {
        Refuse(topic, record, RecordTypes.Progress);
        var progress = Parse(topic, record, Progress.Parser);
        return progress.Partition == record.Partition && progress.Generation > 0 && progress.NextOffset >= 0
            ? new PartialRecord<T>(null, progress)
            : throw Damaged(topic, record);
    }

    public static T Parse<T>(string topic, FeedRecord record, MessageParser<T> parser) where T : IMessage<T>
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

    public static void Refuse(string topic, FeedRecord record, byte[] type)
    {
        if (RecordTypes.Is(record.Headers, type, out var found)) return;
        throw new ConfigurationException(
            $"{Where(topic, record)} is of type '{found}', this program knows {Encoding.ASCII.GetString(type)}: run the program that wrote it or a newer one.");
    }

    public static ConfigurationException Damaged(string topic, FeedRecord record) =>
        new($"{Where(topic, record)} is no record of processor-service: find out who writes to the topic; a tombstone under the same key takes the record out.");

    private static string Where(string topic, FeedRecord record) => $"The record at offset {record.Offset} of partition {record.Partition} of {topic}";
}
