using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>Headers are compared with those of the record before where they lie: whatever changes from one to the next must be seen.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class FetchedHeadersTests
{
    private const string Topic = "headers";
    private const int Records = 5_000;

    [TestCase(CompressionType.None)]
    [TestCase(CompressionType.Lz4)]
    public async Task Every_record_is_read_with_its_own_headers(CompressionType compression)
    {
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var broker = await TestBroker.StartAsync();
        var kafka = new KafkaOptions { BootstrapServers = broker.BootstrapServers };
        using (var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.BootstrapServers }).Build())
            await admin.CreateTopicsAsync([new() { Name = Topic, NumPartitions = 1 }]);
        var written = Write(kafka, compression, random);

        using var kafkaBroker = new KafkaBroker(kafka, new ProcessorOptions(), new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        using var log = kafkaBroker.OpenReplay(Topic, [new PartitionOffset(0, 0)]);
        var read = new List<string>();
        var until = TimeProvider.System.GetTimestamp();
        while (read.Count < Records && TimeProvider.System.GetElapsedTime(until) < Eventually.Patience)
            if (log.TryRead(TimeSpan.FromMilliseconds(100), out var record) && !record.IsEnd) read.Add(Text(record.Headers));

        Assert.That(read, Is.EqualTo(written));
    }

    private static List<string> Write(KafkaOptions kafka, CompressionType compression, Random random)
    {
        var config = KafkaClientConfig.Producer(kafka, "test");
        config.CompressionType = compression;
        // Several batches.
        config.BatchNumMessages = 700;
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(config).Build();
        var written = new List<string>();
        Headers? headers = null;
        for (var i = 0; i < Records; i++)
        {
            // Runs of the same ones, as they are in life, of lengths from 1 on.
            if (random.Next(4) == 0) headers = Draw(random);
            producer.Produce(new TopicPartition(Topic, 0), new Message<byte[]?, byte[]?> { Key = Bytes(random, 12), Value = Bytes(random, 40), Headers = headers });
            written.Add(Text(headers));
        }
        producer.Flush(Eventually.Patience);
        return written;
    }

    // Few names and values, so that neighbours are alike; at times long ones.
    private static Headers? Draw(Random random)
    {
        if (random.Next(3) == 0) return null;
        var headers = new Headers();
        for (var n = random.Next(4); n > 0; n--)
            headers.Add(random.Next(2) == 0 ? "type" : "typé", random.Next(5) switch
            {
                0 => null,
                1 => [],
                2 => new byte[random.Next(300)],
                _ => [(byte)random.Next(3)],
            });
        return headers;
    }

    private static byte[]? Bytes(Random random, int most) => random.Next(8) == 0 ? null : new byte[random.Next(most)];

    private static string Text(Headers? headers) =>
        string.Join(", ", (headers ?? []).Select(h => $"{h.Key}={(h.GetValueBytes() is { } value ? Convert.ToHexString(value) : "null")}"));
}
