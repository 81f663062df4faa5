using Confluent.Kafka;

namespace Tally.Feed;

/// <summary>Records of one topic, the same ones for the same settings.</summary>
public interface IFeedSource
{
    string Topic { get; }

    /// <summary>What a record holds several of, and how many; null where a record is one of them.</summary>
    (string Name, int Count)? Inside { get; }

    /// <summary>Records and their partitions; any partition where there is none.</summary>
    IEnumerable<(int? Partition, Message<byte[]?, byte[]?> Message)> Records { get; }
}
