namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>How records are fetched over connections of our own.</summary>
/// <param name="BootstrapServers"><c>host:port</c>, several separated by commas.</param>
/// <param name="ClientId">As the brokers log it.</param>
/// <param name="Wait">Longest an answer waits for <paramref name="BytesMin"/>.</param>
/// <param name="BytesMin">An answer comes sooner when as many bytes are there.</param>
/// <param name="BytesMax">Of an answer, about; a larger batch comes alone.</param>
/// <param name="PartitionBytesMax">Of a partition in an answer, about.</param>
public sealed record FetchSettings(string BootstrapServers, string ClientId, TimeSpan Wait, int BytesMin, int BytesMax, int PartitionBytesMax);
