using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>The broker or brokers of a chaos run: each can be killed, revived, frozen and thawed.</summary>
public abstract class Brokers : IAsyncDisposable
{
    public abstract string Bootstrap { get; }

    public virtual int Count => 1;

    /// <param name="kind"><c>local</c> (local-broker), <c>kafka</c> (one broker) or <c>kafka3</c> (three).</param>
    public static Brokers Of(string kind) => kind switch
    {
        "local" => new Local(),
        "kafka" => new Kafka(1),
        "kafka3" => new Kafka(3),
        _ => throw new ArgumentException($"CHAOS_BROKERS is {kind}: it must be local, kafka or kafka3.", nameof(kind)),
    };

    public abstract Task StartAsync();
    public abstract Task KillAsync(int broker);
    public abstract Task ReviveAsync(int broker);
    public abstract void Pause(int broker);
    public abstract void Resume(int broker);
    public abstract ValueTask DisposeAsync();

    private sealed class Local : Brokers
    {
        private readonly int _port = FreePort.Next();
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-chaos-");
        private readonly ServiceProcess _process;

        public Local() => _process = ServiceProcess.Of("local-broker", "LocalBroker", new Dictionary<string, string>(), "--data", _folder.FullName, "--port", $"{_port}");

        public override string Bootstrap => $"127.0.0.1:{_port}";

        public override async Task StartAsync()
        {
            _process.Start();
            using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).Build();
            await Eventually.HoldsAsync("local-broker answers", () => Task.FromResult(admin.GetMetadata(TimeSpan.FromSeconds(1)).Brokers.Count > 0));
        }

        public override Task KillAsync(int broker) => _process.KillAsync();

        public override Task ReviveAsync(int broker) => StartAsync();

        public override void Pause(int broker) => _process.Pause();

        public override void Resume(int broker) => _process.Continue();

        public override async ValueTask DisposeAsync()
        {
            await _process.DisposeAsync();
            _folder.Delete(recursive: true);
        }
    }

    private sealed class Kafka(int count) : Brokers
    {
        // Time-outs of transactions are looked for often, so that those of two seconds are met.
        private readonly RealKafka _cluster = RealKafka.Cluster(count, "transaction.abort.timed.out.transaction.cleanup.interval.ms=300");

        public override string Bootstrap => _cluster.Bootstrap;

        public override int Count => count;

        public override Task StartAsync() => Task.Run(_cluster.Start);

        public override Task KillAsync(int broker) => Task.Run(() => _cluster.Kill(broker));

        public override Task ReviveAsync(int broker) => Task.Run(() => _cluster.Revive(broker));

        public override void Pause(int broker) => _cluster.Pause(broker);

        public override void Resume(int broker) => _cluster.Resume(broker);

        public override ValueTask DisposeAsync() => _cluster.DisposeAsync();
    }
}
