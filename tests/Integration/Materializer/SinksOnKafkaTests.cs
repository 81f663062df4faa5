using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Shared.ReadModel;
using Tally.Tests.Integration.ReadModel;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Materializer;

/// <summary>The Redis sink as a member of a group, on local-broker and a real Redis.</summary>
public sealed class SinksOnKafkaTests
{
    private const int Partitions = 4;
    private const string Topic = "analytics.hours";

    private readonly List<RunningSinks> _running = [];
    private TestBroker _broker = null!;
    private RedisView _redis = null!;
    private long _hour;
    private long _offset;

    [OneTimeSetUp]
    public void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [SetUp]
    public async Task StartAsync()
    {
        _redis = await RedisView.StartAsync();
        _broker = await TestBroker.StartAsync();
        await _broker.CreateTopicAsync(Topic, Partitions);
        _hour = RedisView.ThisHour + 1;
        _offset = 0;
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var sinks in _running) await sinks.DisposeAsync();
        _running.Clear();
        await _broker.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Test]
    public async Task Instances_come_and_go_and_every_partition_is_written()
    {
        var first = await RunAsync("1");
        Commit();
        await HoldsAsync();

        var second = await RunAsync("2");
        await Eventually.HoldsAsync("the partitions are shared", () =>
            Task.FromResult(first.Redis.Partitions?.Count == Partitions / 2 && second.Redis.Partitions?.Count == Partitions / 2));
        Commit();
        await HoldsAsync();

        await first.DisposeAsync();
        _running.Remove(first);
        Commit();
        await HoldsAsync();
    }

    [Test]
    public async Task An_emptied_Redis_makes_the_consumer_seek_to_the_beginning()
    {
        await RunAsync("1");
        Commit();
        Commit();
        await HoldsAsync();

        await _redis.DoAsync("FLUSHALL");
        Commit();

        await HoldsAsync();
    }

    [Test]
    public async Task A_Redis_that_is_away_at_the_assignment_is_written_from_its_position_later()
    {
        await _redis.Server.KillAsync();
        var sinks = await RunAsync("1");
        Commit();
        await Eventually.HoldsAsync("the sink says that it knows no position", () =>
            Task.FromResult(sinks.Redis is { Trouble: not null, Partitions.Count: Partitions }));
        await _redis.Server.RestartAsync();

        await HoldsAsync();
    }

    [Test]
    public async Task An_instance_of_the_same_name_takes_over_and_the_first_says_so()
    {
        var first = await RunAsync("1");
        Commit();
        await HoldsAsync();

        await RunAsync("1");

        await first.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(first.Life.Logger.All, Does.Contain("Materializer:Instance=1"));
        Commit();
        await HoldsAsync();
    }

    [Test]
    public async Task Fenced_once_by_a_member_that_goes_away_a_sink_joins_anew_and_writes_on()
    {
        var sinks = await RunAsync("1");
        Commit();
        await HoldsAsync();

        await PassingMember.JoinAsync(_broker.BootstrapServers, "redis", "1", Topic);

        Commit();
        await HoldsAsync();
        Assert.That(sinks.Life.Stopped.IsCompleted, Is.False);
    }

    [Test]
    public async Task A_sink_is_ready_only_while_Kafka_answers()
    {
        var sinks = await RunAsync("1");
        Commit();
        await HoldsAsync();
        Assert.That(sinks.RedisHealth().Status, Is.EqualTo(HealthStatus.Healthy));

        var port = _broker.Server.Port;
        var data = _broker.DataDirectory;
        await _broker.Server.DisposeAsync();
        await Eventually.HoldsAsync("the sink says so", () =>
            Task.FromResult(sinks.RedisHealth() is { Status: HealthStatus.Unhealthy, Description: "Kafka does not answer" }));
        await using var again = await TestBroker.StartAsync(o => o with { Port = port }, data);

        // Nothing is written meanwhile: the broker's own answer counts, not a processor's heartbeat.
        await Eventually.HoldsAsync("it is ready again", () => Task.FromResult(sinks.RedisHealth().Status == HealthStatus.Healthy));
    }

    [Test]
    public async Task A_sink_ends_soon_although_its_broker_is_gone()
    {
        var sinks = await RunAsync("1");
        Commit();
        await HoldsAsync();
        await _broker.DisposeAsync();
        _broker = await TestBroker.StartAsync();

        Assert.That(async () => await sinks.DisposeAsync().AsTask().WaitAsync(Eventually.Promptly), Throws.Nothing);
        _running.Remove(sinks);
    }

    private async Task<RunningSinks> RunAsync(string instance)
    {
        var options = new MaterializerOptions { Instance = instance, RedisTimeout = TimeSpan.FromSeconds(1), SessionTimeout = TimeSpan.FromSeconds(3) };
        var kafka = new KafkaOptions { BootstrapServers = _broker.BootstrapServers };
        var feeds = new KafkaPartialFeedFactory(new TopicNames().Hours, Options.Create(kafka), Options.Create(options), NullLogger<KafkaPartialFeed>.Instance);
        var sinks = await RunningSinks.StartAsync(feeds, _redis.Store, options: options);
        _running.Add(sinks);
        return sinks;
    }

    /// <summary>One transaction over all partitions, as the processor commits.</summary>
    private void Commit()
    {
        _offset++;
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = _broker.BootstrapServers,
            TransactionalId = "processor",
            LingerMs = 0,
        }).Build();
        producer.InitTransactions(Eventually.Patience);
        producer.BeginTransaction();
        for (var p = 0; p < Partitions; p++)
        {
            Produce(producer, p, RecordKeys.HourPartial(_hour, p), RedisView.Partial(_hour, p, _offset, _offset, 0, 1), RecordTypes.HourPartial);
            var progress = RedisView.Progress(p, _offset, asOfMs: _offset);
            progress.PartitionCount = Partitions;
            Produce(producer, p, RecordKeys.Progress(p), progress, RecordTypes.Progress);
        }
        producer.CommitTransaction(Eventually.Patience);
    }

    private static void Produce(IProducer<byte[], byte[]> producer, int partition, byte[] key, IMessage value, byte[] type) =>
        producer.Produce(new TopicPartition(Topic, partition), new Message<byte[], byte[]>
        {
            Key = key,
            Value = value.ToByteArray(),
            Headers = new Headers { { RecordTypes.Header, type } },
        });

    private Task HoldsAsync() => Eventually.HoldsAsync($"Redis holds commit {_offset} of every partition", async () =>
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            var reading = await _redis.Reader.ReadAsync(_hour, limit.Token);
            return reading.Counts.Clicks == Partitions * _offset || reading.State == HourState.Incomplete && await AllAsync();
        }
        catch (Exception e) when (e is StackExchange.Redis.RedisException or RedisUnavailableException)
        {
            return false;
        }
    });

    private async Task<bool> AllAsync() =>
        (string?)await _redis.FieldAsync(_hour, "clicks") == (Partitions * _offset).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
