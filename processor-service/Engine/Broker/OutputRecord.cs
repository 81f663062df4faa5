using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Broker;

/// <summary>A record to be written; the arrays are the writer's from now on.</summary>
public readonly record struct OutputRecord(byte[]? Key, byte[]? Value, Headers Headers);
