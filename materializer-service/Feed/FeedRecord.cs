using Confluent.Kafka;

namespace Tally.MaterializerService.Feed;

/// <summary>One record of analytics.hours.</summary>
public sealed record FeedRecord(int Partition, long Offset, byte[]? Key, byte[]? Value, Headers? Headers);
