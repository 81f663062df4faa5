using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd;

/// <summary>
/// A materializer that finds a backlog drains it into both stores without growing, whatever Redis does meanwhile. <c>make chaos-backlog</c> takes a
/// million aggregates.
/// </summary>
public sealed class BacklogTests
{
    private const string Topic = "analytics.hours";
    private const int Partitions = 8;
    private const long MostMiB = 400;
    private static readonly int Aggregates = int.TryParse(Environment.GetEnvironmentVariable("BACKLOG"), out var count) ? count : 20_000;

    [TestCase("SQLite")]
    [TestCase("PostgreSQL")]
    public async Task A_backlog_drains_into_both_stores_in_bounded_memory_although_Redis_stands_still_for_a_while(string system)
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var postgres = system == "PostgreSQL" ? await PostgresServer.StartAsync() : null;
        await using var pipeline = new Pipeline(postgres is null ? null : new Dictionary<string, string> { ["Archive__ConnectionString"] = await postgres.CreateDatabaseAsync() });
        pipeline.Broker.Start();
        pipeline.Redis.Start();
        await pipeline.CreateTopicsAsync();
        await FillAsync(pipeline.Bootstrap);

        pipeline.Materializer.Start();
        var begun = Stopwatch.GetTimestamp();
        var paused = false;
        TimeSpan? redisAt = null, archiveAt = null;
        long early = 0;
        await Eventually.HoldsAsync("Redis and the archive hold the whole backlog", TimeSpan.FromMinutes(10), async () =>
        {
            var redis = await InRedisAsync(pipeline.RedisPort);
            var archive = await InArchiveAsync(pipeline);
            if (redis > Aggregates / 4 && !paused)
            {
                paused = true;
                early = MiB(pipeline.Materializer, "VmRSS:");
                await RedisCommand.SendAsync(pipeline.RedisPort, "CLIENT", "PAUSE", "1500");
            }
            // Each partition's progress record is the last.
            if (redis >= Aggregates + Partitions) redisAt ??= Stopwatch.GetElapsedTime(begun);
            if (archive >= Aggregates + Partitions) archiveAt ??= Stopwatch.GetElapsedTime(begun);
            return redisAt is not null && archiveAt is not null;
        });

        var peak = MiB(pipeline.Materializer, "VmHWM:");
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{Aggregates} aggregates: Redis {Aggregates / redisAt!.Value.TotalSeconds:F0}/s, its pause of 1.5 s included, {system} {Aggregates / archiveAt!.Value.TotalSeconds:F0}/s, "
            + $"start of the service included; materializer {early} MiB after a quarter, {peak} MiB at the most"));
        Assert.That(peak, Is.LessThan(MostMiB), () => pipeline.Logs);
        var last = await RedisCommand.SendAsync(pipeline.RedisPort, "HGET", $"analytics:hour:{Hours.Name(HourOf(Aggregates - 1))}", "clicks");
        Assert.That(long.Parse(last, CultureInfo.InvariantCulture), Is.EqualTo(Enumerable.Range(0, Aggregates).Where(n => HourOf(n) == HourOf(Aggregates - 1)).Sum(n => (long)n)));
    }

    /// <summary>Every hour has a partial in every partition.</summary>
    private static long HourOf(int n) => 100_000 + n / Partitions;

    private static async Task FillAsync(string bootstrap)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = bootstrap, EnableIdempotence = true, LingerMs = 5 }).Build();
        for (var n = 0; n < Aggregates; n++)
        {
            var partial = new HourPartial { Generation = 1, Hour = HourOf(n), Partition = n % Partitions, NextOffset = n + 1, Clicks = n, Impressions = 1, UniqueUsers = 1 };
            await SendAsync(producer, partial.Partition, RecordKeys.HourPartial(partial.Hour, partial.Partition), partial, RecordTypes.HourPartial);
        }
        for (var p = 0; p < Partitions; p++)
        {
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            var progress = new Progress { Generation = 1, Partition = p, PartitionCount = Partitions, NextOffset = Aggregates, AsOfMs = now, SinceMs = now };
            await SendAsync(producer, p, RecordKeys.Progress(p), progress, RecordTypes.Progress);
        }
        producer.Flush(TimeSpan.FromMinutes(1));
    }

    private static async Task SendAsync(IProducer<byte[], byte[]> producer, int partition, byte[] key, IMessage value, byte[] type)
    {
        var message = new Message<byte[], byte[]> { Key = key, Value = value.ToByteArray(), Headers = new Headers { { RecordTypes.Header, type } } };
        while (true)
        {
            try
            {
                producer.Produce(new TopicPartition(Topic, partition), message);
                return;
            }
            catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                await Task.Delay(5);
            }
        }
    }

    private static async Task<long> InRedisAsync(int port)
    {
        var sum = 0L;
        for (var p = 0; p < Partitions; p++)
            if (long.TryParse(await RedisCommand.SendAsync(port, "HGET", "analytics:positions", $"{Topic}|{p}"), CultureInfo.InvariantCulture, out var position)) sum += position;
        return sum;
    }

    private static async Task<long> InArchiveAsync(Pipeline pipeline)
    {
        try
        {
            var archive = ArchiveRegistration.Open(Options.Create(new ArchiveOptions { ConnectionString = pipeline.Archive }));
            await using var later = archive as IAsyncDisposable;
            using var atOnce = archive as IDisposable;
            return (await new SqlHourStore(archive).ReadPositionsAsync(Topic, [.. Enumerable.Range(0, Partitions)], CancellationToken.None)).Values.Sum();
        }
        catch (ArchiveNotReadyException)
        {
            return 0;
        }
    }

    private static long MiB(ServiceProcess process, string name) => long.Parse(
        File.ReadLines($"/proc/{process.Id}/status").Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) / 1024;
}
