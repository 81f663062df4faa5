using Npgsql;
using Tally.Shared.ReadModel;
using Tally.Tests.Integration.Archive;
using Tally.Tests.Integration.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Materializer;

/// <summary>Both sinks while a real PostgreSQL breaks: Redis goes on, and the archive holds the same afterwards.</summary>
public sealed class PostgresSinkTests
{
    private const int Partitions = 2;

    private PostgresServer _server = null!;
    private TemporaryArchive _archive = null!;
    private MemoryTopic _topic = null!;
    private RedisView _redis = null!;
    private RunningSinks? _sinks;
    private long _hour;
    private long _offset;

    [OneTimeSetUp]
    public async Task StartServerAsync() => _server = await PostgresServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopServerAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }

    [SetUp]
    public async Task StartAsync()
    {
        _topic = new MemoryTopic(Partitions);
        _redis = await RedisView.StartAsync();
        _archive = await TemporaryArchive.EmptyAsync(_server);
        _hour = RedisView.ThisHour;
        _offset = 0;
    }

    [TearDown]
    public async Task StopAsync()
    {
        if (_sinks is not null) await _sinks.DisposeAsync();
        _sinks = null;
        await _archive.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Test]
    public async Task A_server_that_is_away_at_the_start_gets_all_once_it_is_there()
    {
        await _server.KillAsync();
        Commit(clicks: 1);
        _sinks = await RunningSinks.StartAsync(_topic, _redis.Store, _archive.Database);
        await RedisHoldsAsync(1);
        await InTroubleAsync();
        Commit(clicks: 2);
        await RedisHoldsAsync(2);

        await _server.RestartAsync();

        await ArchiveHoldsAsync(2);
    }

    [Test]
    public async Task A_server_killed_inside_a_transaction_keeps_nothing_of_it_and_gets_it_again()
    {
        await RunAsync();
        await using var lockHolder = await BeginAsync("LOCK TABLE positions IN ACCESS EXCLUSIVE MODE");
        Commit(clicks: 2);
        await RedisHoldsAsync(2);
        await Eventually.HoldsAsync("the archive's sink is inside its transaction", async () => await _archive.ScalarAsync(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'tally' AND wait_event_type = 'Lock'") > 0);

        await _server.KillAsync();
        Commit(clicks: 3);
        await RedisHoldsAsync(3);
        await _server.RestartAsync();

        await ArchiveHoldsAsync(3);
    }

    [Test]
    public async Task A_lock_held_for_long_holds_up_the_archive_alone()
    {
        await RunAsync();
        await using (var lockHolder = await BeginAsync("LOCK TABLE analytics_hours IN ACCESS EXCLUSIVE MODE"))
        {
            Commit(clicks: 2);
            await RedisHoldsAsync(2);
            await Task.Delay(FaultTime.Or(TimeSpan.FromSeconds(1)));
            Commit(clicks: 3);
            await RedisHoldsAsync(3);
        }
        await ArchiveHoldsAsync(3);
    }

    [Test]
    public async Task A_server_that_may_not_be_written_says_so_and_gets_the_rest_later()
    {
        await RunAsync();
        await DoAsync("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()");
        try
        {
            await Eventually.HoldsAsync("it is read-only", async () => await _archive.ScalarAsync("SELECT (current_setting('default_transaction_read_only') = 'on')::int") == 1);
            Commit(clicks: 2);
            await RedisHoldsAsync(2);
            await InTroubleAsync("read-only");
            Assert.That((await _archive.Reader.ReadAsync(_hour, CancellationToken.None)).Counts.Clicks, Is.EqualTo(1), "it is read meanwhile");
        }
        finally
        {
            await DoAsync("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()");
        }
        await ArchiveHoldsAsync(2);
        Assert.That(_sinks!.Life.Stopped.IsCompleted, Is.False);
    }

    /// <summary>Both sinks hold one click.</summary>
    private async Task RunAsync()
    {
        Commit(clicks: 1);
        _sinks = await RunningSinks.StartAsync(_topic, _redis.Store, _archive.Database);
        await RedisHoldsAsync(1);
        await ArchiveHoldsAsync(1);
    }

    private void Commit(long clicks)
    {
        _offset++;
        _topic.Add(RedisView.Partial(_hour, 0, _offset, clicks, 0, 1));
        for (var partition = 0; partition < Partitions; partition++) _topic.Add(RedisView.Progress(partition, _offset, asOfMs: _offset));
    }

    private async Task<NpgsqlConnection> BeginAsync(string statement)
    {
        // One from a pool would be rolled back when it is closed, by a server that is gone.
        var connection = new NpgsqlConnection($"{_archive.ConnectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"BEGIN; {statement}", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private async Task DoAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection(_archive.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    private Task InTroubleAsync(string text = "") => Eventually.HoldsAsync("the archive's sink says what is wrong", () =>
        Task.FromResult(_sinks!.Archive.Trouble?.Contains(text, StringComparison.OrdinalIgnoreCase) is true));

    private Task RedisHoldsAsync(long clicks) => HoldsAsync(_redis.Reader, async () => await _redis.FieldAsync(_hour, "clicks") == $"{clicks}", clicks);

    private Task ArchiveHoldsAsync(long clicks) => HoldsAsync(_archive.Reader, () => Task.FromResult(true), clicks);

    /// <summary>Clicks and the progress that goes with them; of Redis, which may not vouch for an hour that began before it, the clicks are in the hash.</summary>
    private Task HoldsAsync(IHourSource source, Func<Task<bool>> inHash, long clicks) => Eventually.HoldsAsync($"{source.Name} has {clicks} clicks", async () =>
    {
        var reading = await source.ReadAsync(_hour, CancellationToken.None);
        return await inHash() && (source.Name == "redis" || reading.Counts.Clicks == clicks)
            && Enumerable.Range(0, Partitions).All(p => reading.Progress.HasReached(p, _offset - 1));
    });
}
