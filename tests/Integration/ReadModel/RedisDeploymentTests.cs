using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>The ways Redis is run: behind a password and TLS, as a cluster, behind Sentinels. All against real servers.</summary>
public sealed class RedisDeploymentTests
{
    private const string Secret = "correct horse";

    [Test]
    public async Task A_password_and_TLS_with_an_authority_of_ones_own()
    {
        using var secrets = new BrokerSecrets();
        var (server, port) = await StartSecuredAsync(secrets);
        await using var _ = server;
        await using var redis = Connect(new RedisOptions { Endpoints = $"127.0.0.1:{port}", Ssl = true, CaFile = secrets.CaFile, Password = Secret });

        await ReadsBackAsync(redis, ThisHour + 1, 1);
    }

    [Test]
    public async Task A_certificate_of_an_unknown_authority_is_refused()
    {
        using var secrets = new BrokerSecrets();
        using var others = new BrokerSecrets();
        var (server, port) = await StartSecuredAsync(secrets);
        await using var _ = server;
        foreach (var ca in (string[])["", others.CaFile])
        {
            await using var redis = Connect(new RedisOptions { Endpoints = $"127.0.0.1:{port}", Ssl = true, CaFile = ca, Password = Secret });
            Assert.That(await TroubleAsync(redis), Does.Contain("certificate").And.Contain("Redis:CaFile"));
        }
    }

    [Test]
    public async Task A_wrong_password_is_a_sentence_that_names_the_key_and_not_the_password()
    {
        await using var server = await RedisServer.StartAsync("--requirepass", Secret);
        foreach (var password in (string[])["", "battery staple"])
        {
            await using var redis = Connect(new RedisOptions { Endpoints = server.Endpoint, Password = password });
            Assert.That(await TroubleAsync(redis), Does.Contain("Redis:Password").And.Not.Contain("battery"));
        }
    }

    [Test]
    public async Task A_cluster_keeps_all_keys_in_one_slot_and_a_failover_moves_them()
    {
        const string Key = "{analytics}:positions";
        await using var cluster = await RedisCluster.StartAsync(Key);
        var master = await cluster.MasterOfAsync(Key);
        // Any node may be named; this one does not hold the slot.
        var other = cluster.Nodes.First(n => n != master && n != cluster.Replica);
        await using var redis = Connect(new RedisOptions { Endpoints = other.Endpoint, Prefix = "{analytics}" });
        await ReadsBackAsync(redis, ThisHour + 1, 1);
        Assert.That((await master.DoAsync("DBSIZE"), await other.DoAsync("DBSIZE")), Is.EqualTo((":6", ":0")), "keys lie outside of the one slot");

        Assert.That(await cluster.Replica.DoAsync("CLUSTER", "FAILOVER"), Is.EqualTo("+OK"));
        await Eventually.HoldsAsync("the replica is the master", async () => await cluster.MasterOfAsync(Key) == cluster.Replica);
        await ReadsBackAsync(redis, ThisHour + 1, 2);

        await cluster.Replica.KillAsync();
        await Eventually.HoldsAsync("the first master has taken over again", async () => await cluster.MasterOfAsync(Key) == master);
        await ReadsBackAsync(redis, ThisHour + 1, 3);
    }

    [Test]
    public async Task A_cluster_and_a_prefix_without_braces_are_a_sentence_that_names_the_key()
    {
        await using var node = await RedisServer.StartAsync("--cluster-enabled", "yes", "--cluster-port", $"{FreePort.Next()}");
        await using var redis = Connect(new RedisOptions { Endpoints = node.Endpoint });

        Assert.That(await TroubleAsync(redis), Does.Contain("Redis:Prefix"));
    }

    [Test]
    public async Task A_Sentinel_tells_who_took_over_from_a_killed_master()
    {
        await using var sentinel = await RedisSentinel.StartAsync();
        // The first of the Sentinels is down.
        var endpoints = $"127.0.0.1:{FreePort.Next()},127.0.0.1:{sentinel.Port}";
        await using var redis = Connect(new RedisOptions
        {
            Endpoints = endpoints,
            SentinelMaster = RedisSentinel.MasterName,
            SentinelPassword = RedisSentinel.OwnPassword,
        });
        await ReadsBackAsync(redis, ThisHour + 1, 1);
        Assert.That(await sentinel.Master.DoAsync("DBSIZE"), Is.Not.EqualTo(":0"));
        var epoch = redis.Connection.Epoch;

        await sentinel.Master.KillAsync();
        await ReadsBackAsync(redis, ThisHour + 1, 2);

        Assert.That(await sentinel.Replica.DoAsync("ROLE"), Does.StartWith("*3"), sentinel.Log);
        Assert.That(redis.Connection.Epoch, Is.GreaterThan(epoch), "the materializer is not told that writes may be lost");
    }

    [Test]
    public async Task A_Sentinel_that_knows_no_such_master_is_a_sentence_that_names_the_keys()
    {
        await using var sentinel = await RedisSentinel.StartAsync(withReplica: false);
        await using var redis = Connect(new RedisOptions
        {
            Endpoints = $"127.0.0.1:{sentinel.Port}",
            SentinelMaster = "another",
            SentinelPassword = RedisSentinel.OwnPassword,
        });

        Assert.That(await TroubleAsync(redis), Does.Contain("Redis:SentinelMaster").And.Contain("another"));
    }

    private static async Task<(RedisServer Server, int TlsPort)> StartSecuredAsync(BrokerSecrets secrets)
    {
        var port = FreePort.Next();
        var server = await RedisServer.StartAsync("--requirepass", Secret, "--tls-port", $"{port}", "--tls-cert-file", secrets.CertificateFile,
            "--tls-key-file", secrets.KeyFile, "--tls-ca-cert-file", secrets.CaFile, "--tls-auth-clients", "no");
        return (server, port);
    }

    private static Stores Connect(RedisOptions options)
    {
        options.FutureTolerance = TimeSpan.Zero;
        options.RefillPatience = TimeSpan.Zero;
        options.SilentAfter = TimeSpan.FromSeconds(1);
        return new Stores(options);
    }

    /// <summary>Every script once: a write, a refill of an hour long gone, the pointer, and reads.</summary>
    private static async Task ReadsBackAsync(Stores redis, long hour, long version)
    {
        await Eventually.HoldsAsync($"version {version} is written and read", async () =>
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
            // As the materializer does: on from where the store stands.
            var from = (await redis.Store.ReadPositionsAsync(Topic, [0], limit.Token))[0];
            var batch = Batch(0, from, Math.Max(from, version), Partial(hour, 0, version, version, 0, 1), Progress(0, version));
            if (!(await redis.Store.WriteAsync(batch, limit.Token)).Applied) return false;
            redis.Archive.Progress.Clear();
            redis.Archive.Progress.Add(new PartitionProgress(1, 0, version, 1000, version));
            if (!await redis.Refill.RefillAsync(hour - 1000, limit.Token)) return false;
            if (!await redis.Store.TryPointAsync(1, limit.Token)) return false;
            var reading = await redis.View.ReadAsync(hour, limit.Token);
            var records = await redis.View.ReadRecordsAsync(limit.Token);
            return reading.State == HourState.Complete && reading.Counts.Clicks == version && records[0].NextOffset == version
                && (await redis.View.ReadAsync(hour - 1000, limit.Token)).State == HourState.Complete;
        });
    }

    private static async Task<string> TroubleAsync(Stores redis)
    {
        var trouble = "nothing";
        await Eventually.HoldsAsync("it is said why Redis cannot be used", async () =>
        {
            try
            {
                await redis.Connection.PingAsync(CancellationToken.None);
            }
            catch (RedisUnavailableException e)
            {
                trouble = e.Message;
            }
            catch (RedisException e)
            {
                trouble = $"unexplained: {e.Message}";
            }
            return trouble.Contains("Redis:", StringComparison.Ordinal);
        });
        return trouble;
    }

    private sealed class Stores : IAsyncDisposable
    {
        public Stores(RedisOptions options)
        {
            var settings = Options.Create(options);
            Connection = new RedisConnection(settings, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<RedisConnection>.Instance);
            View = new RedisHourView(Connection, settings);
            Store = new RedisHourStore(Connection, settings);
            Refill = new RedisHourRefill(Connection, View, Archive, settings, TimeProvider.System);
        }

        public RedisConnection Connection { get; }

        public RedisHourView View { get; }

        public RedisHourStore Store { get; }

        public RedisHourRefill Refill { get; }

        public HandArchive Archive { get; } = new();

        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }
}
