using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Broker;

/// <summary>
/// One record of a partition, or the mark that its end was reached. Key and value lie in the reader's own buffer and hold until its next read.
/// </summary>
public readonly ref struct LogRecord
{
    public int Partition { get; init; }

    /// <summary>Offset of the record; at the end of a partition the next offset there will be.</summary>
    public long Offset { get; init; }

    /// <summary>When the record was made or appended, Unix time in ms; at most 0 when unknown.</summary>
    public long TimestampMs { get; init; }

    /// <summary>No record: everything readable of the partition was read.</summary>
    public bool IsEnd { get; init; }

    public bool HasKey { get; init; }
    public bool HasValue { get; init; }
    public ReadOnlySpan<byte> Key { get; init; }
    public ReadOnlySpan<byte> Value { get; init; }
    public Headers? Headers { get; init; }
}
