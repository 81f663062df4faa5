using System.Globalization;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>A real Sentinel that watches a master with one replica, and alone decides on a failover.</summary>
internal sealed class RedisSentinel : IAsyncDisposable
{
    public const string MasterName = "tally";
    public const string OwnPassword = "secret-of-sentinels";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-sentinel-");
    private readonly ServiceProcess _process;

    private RedisSentinel(RedisServer master, RedisServer replica)
    {
        (Master, Replica) = (master, replica);
        var file = Path.Combine(_folder.FullName, "sentinel.conf");
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $"""
            port {Port}
            bind 127.0.0.1
            dir {_folder.FullName}
            requirepass {OwnPassword}
            sentinel monitor {MasterName} 127.0.0.1 {master.Port} 1
            sentinel down-after-milliseconds {MasterName} 500
            sentinel failover-timeout {MasterName} 3000

            """));
        _process = new ServiceProcess("sentinel", "redis-server", [file, "--sentinel"]);
    }

    public RedisServer Master { get; }

    public RedisServer Replica { get; }

    public int Port { get; } = FreePort.Next();

    public string Log => _process.Log;

    /// <summary>Starts all three, or skips the test with the reason.</summary>
    /// <param name="withReplica">False when there will be no failover: then nobody waits for the replica.</param>
    public static async Task<RedisSentinel> StartAsync(bool withReplica = true)
    {
        var master = await RedisServer.StartAsync();
        var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", master.Port.ToString(CultureInfo.InvariantCulture), "--repl-diskless-sync-delay", "0");
        var sentinel = new RedisSentinel(master, replica);
        sentinel._process.Start();
        await Eventually.HoldsAsync("the Sentinel answers", () => Task.FromResult(sentinel.Log.Contains("+monitor ", StringComparison.Ordinal)));
        if (!withReplica) return sentinel;
        // It learns of replicas from the master, every ten seconds: the first time it must have found one.
        await Eventually.HoldsAsync("the Sentinel knows the replica", () =>
            Task.FromResult(sentinel.Log.Contains("+slave ", StringComparison.Ordinal)));
        await Eventually.HoldsAsync("the replica has its master's data", async () =>
            (await replica.DoAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal));
        return sentinel;
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await Master.DisposeAsync();
        await Replica.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
