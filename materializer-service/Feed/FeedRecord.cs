using Confluent.Kafka;

namespace Tally.MaterializerService.Feed;

/// <summary>One record of a topic of partials.</summary>
public sealed record FeedRecord(int Partition, long Offset, byte[]? Key, byte[]? Value, Headers? Headers);
