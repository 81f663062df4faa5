using System.Globalization;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>A real Redis Cluster: three masters with a third of the slots each, and a replica of one of them.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private const int Slots = 16_384;
    private const int Masters = 3;

    private readonly List<RedisServer> _nodes = [];

    /// <summary>All nodes, the replica last.</summary>
    public IReadOnlyList<RedisServer> Nodes => _nodes;

    public RedisServer Replica => _nodes[^1];

    /// <summary>Starts one whose replica follows the master of <paramref name="key"/>'s slot, or skips the test with the reason.</summary>
    public static async Task<RedisCluster> StartAsync(string key)
    {
        var cluster = new RedisCluster();
        for (var node = 0; node <= Masters; node++)
            cluster._nodes.Add(await RedisServer.StartAsync("--cluster-enabled", "yes", "--cluster-port", Text(FreePort.Next()), "--cluster-node-timeout", "1000"));
        await cluster.JoinAsync();
        await cluster.FollowAsync(await cluster.MasterOfAsync(key));
        return cluster;
    }

    /// <summary>The master that holds the key's slot, as the nodes say.</summary>
    public async Task<RedisServer> MasterOfAsync(string key)
    {
        foreach (var node in _nodes)
        {
            var answer = await node.DoAsync("EXISTS", key);
            if (!answer.StartsWith(':')) continue;
            if ((await node.DoAsync("INFO", "replication")).Contains("role:master", StringComparison.Ordinal)) return node;
        }
        throw new InvalidOperationException($"No master holds the slot of {key}.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes) await node.DisposeAsync();
    }

    private async Task JoinAsync()
    {
        for (var node = 0; node < Masters; node++)
            await OkAsync(_nodes[node], "CLUSTER", "ADDSLOTSRANGE", Text(Slots * node / Masters), Text(Slots * (node + 1) / Masters - 1));
        var bus = await Task.WhenAll(_nodes.Select(n => BusPortAsync(n)));
        for (var node = 1; node < _nodes.Count; node++) await OkAsync(_nodes[0], "CLUSTER", "MEET", "127.0.0.1", Text(_nodes[node].Port), bus[node]);
        await Eventually.HoldsAsync("the nodes know each other", async () =>
            (await Task.WhenAll(_nodes.Select(n => n.DoAsync("CLUSTER", "INFO"))))
            .All(i => i.Contains("cluster_state:ok", StringComparison.Ordinal) && i.Contains($"cluster_known_nodes:{_nodes.Count}", StringComparison.Ordinal)));
    }

    private async Task FollowAsync(RedisServer master)
    {
        await OkAsync(Replica, "CLUSTER", "REPLICATE", await master.DoAsync("CLUSTER", "MYID"));
        await Eventually.HoldsAsync("the replica has its master's data", async () =>
            (await Replica.DoAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal));
    }

    private static async Task<string> BusPortAsync(RedisServer node)
    {
        // ip:port@busport, of the node itself.
        var myself = (await node.DoAsync("CLUSTER", "NODES")).Split('\n').Single(l => l.Contains("myself", StringComparison.Ordinal));
        return myself.Split(' ')[1].Split('@')[1].Split(',')[0];
    }

    private static async Task OkAsync(RedisServer node, params string[] command) =>
        Assert.That(await node.DoAsync(command), Is.EqualTo("+OK"), () => $"{string.Join(' ', command)}\n{node.Log}");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
