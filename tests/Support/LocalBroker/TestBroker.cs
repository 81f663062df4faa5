using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.LocalBroker.Server;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>A local-broker in process on a port of its own, with a folder that goes away with it.</summary>
public sealed class TestBroker : IAsyncDisposable
{
    private readonly bool _ownsFolder;

    private TestBroker(LocalBrokerServer server, string dataDirectory, bool ownsFolder) =>
        (Server, DataDirectory, _ownsFolder) = (server, dataDirectory, ownsFolder);

    public LocalBrokerServer Server { get; }

    public string DataDirectory { get; }

    public string BootstrapServers => Server.BootstrapServers;

    /// <summary>Starts a broker, by default in a new temporary folder; a folder passed in stays when the broker goes.</summary>
    public static async Task<TestBroker> StartAsync(Func<LocalBrokerOptions, LocalBrokerOptions>? configure = null, string? dataDirectory = null)
    {
        string folder = dataDirectory ?? Directory.CreateTempSubdirectory("tally-broker-").FullName;
        var options = new LocalBrokerOptions { DataDirectory = folder, Port = 0, Flush = FlushPolicy.Never };
        return new TestBroker(await LocalBrokerServer.StartAsync(configure?.Invoke(options) ?? options), folder, dataDirectory is null);
    }

    public async Task CreateTopicAsync(string name, int partitions = 1, Dictionary<string, string>? configs = null)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = 1, Configs = configs }]);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        if (_ownsFolder)
            Directory.Delete(DataDirectory, recursive: true);
    }
}
