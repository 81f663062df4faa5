using System.Globalization;
using Confluent.Kafka;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>Records that no client of ours would write: they end as dead letters, and their positions can be waited for like any other.</summary>
public sealed class BrokenEvents(string bootstrap) : IDisposable
{
    private const int Partitions = 8;

    private readonly IProducer<byte[], byte[]> _producer =
        new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = bootstrap, EnableIdempotence = true, LingerMs = 0 }).Build();

    /// <returns>Its position as a POST would answer it.</returns>
    public async Task<string> SendAsync(Random random)
    {
        var record = new Message<byte[], byte[]> { Key = [(byte)random.Next(256)], Value = [0xff] };
        var where = new TopicPartition("analytics.events", random.Next(Partitions));
        var report = await _producer.ProduceAsync(where, record);
        return string.Create(CultureInfo.InvariantCulture, $"{report.Partition.Value}.{report.Offset.Value}");
    }

    public void Dispose() => _producer.Dispose();
}
