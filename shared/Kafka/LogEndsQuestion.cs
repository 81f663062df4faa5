using Confluent.Kafka;

namespace Tally.Shared.Kafka;

/// <summary>
/// Asks where a log begins and ends. <c>QueryWatermarkOffsets</c> asks too, but in librdkafka 2.0.2 its wait has no limit: while the leader it knows is away it asks
/// that one for ever, and a process that is told to end does not.
/// </summary>
public static class LogEndsQuestion
{
    private static readonly Timestamp Beginning = new(-2, TimestampType.NotAvailable);
    private static readonly Timestamp End = new(-1, TimestampType.NotAvailable);

    /// <summary>Offset of the oldest record still there, and of the next one, as of now; with <c>read_committed</c> the end of what can be read.</summary>
    /// <param name="client">Any consumer; its assignment does not matter.</param>
    /// <param name="partition">Whose.</param>
    /// <param name="limit">Of the whole question.</param>
    /// <exception cref="KafkaException">No answer within the limit, or a refusal.</exception>
    public static (long Low, long High) AskEnds<TKey, TValue>(this IConsumer<TKey, TValue> client, TopicPartition partition, TimeSpan limit)
    {
        var half = limit / 2;
        var low = client.OffsetsForTimes([new TopicPartitionTimestamp(partition, Beginning)], half)[0].Offset.Value;
        return (low, client.AskEnd(partition, half));
    }

    /// <summary>As <see cref="AskEnds"/>, the end alone.</summary>
    public static long AskEnd<TKey, TValue>(this IConsumer<TKey, TValue> client, TopicPartition partition, TimeSpan limit) =>
        client.OffsetsForTimes([new TopicPartitionTimestamp(partition, End)], limit)[0].Offset.Value;
}
