using System.Globalization;
using Npgsql;
using Tally.Shared.Contracts;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Query;

/// <summary>
/// Redis and PostgreSQL broken in every way, one after the other and together, under 2,500 GETs a second: no answer is ever wrong.
/// <c>make chaos-reads</c> stays longer in each phase and prints error rate and latencies.
/// </summary>
public sealed class ReadChaosTests
{
    private const int Rate = 2_500;
    private const int Clients = 64;

    /// <summary>Unmarked answers come from memory at first: longer than Query:FreshWithin shows what comes after.</summary>
    private static readonly TimeSpan Each = FaultTime.Or(TimeSpan.FromSeconds(0.5));

    private static readonly long ThisHour = Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

    [Test]
    public async Task No_answer_is_wrong_whatever_becomes_of_Redis_and_PostgreSQL()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("SEED") ?? $"{Environment.TickCount}", CultureInfo.InvariantCulture);
        // An answer of the current hour is in memory nearly always, those of the others have expired when they are asked for again.
        long[] hours = [ThisHour, .. Enumerable.Range(1, 40).Select(n => ThisHour - 20L * n)];
        await using var postgres = await PostgresServer.StartAsync();
        await using var stores = await QueryStores.StartAsync(postgres);
        await using var truth = TruthWriter.Start(seed, hours, stores.Connection, stores.Settings, stores.Archive.Database);
        await stores.ReadyAsync();
        await TestContext.Out.WriteLineAsync($"seed {seed}\n| phase | GETs | 503 | marked stale | p50 | p99 | longest |\n| --- | --- | --- | --- | --- | --- | --- |");

        await using var load = new ReadLoad(stores.Http, truth, hours, Clients, Rate);
        await Task.Delay(TimeSpan.FromSeconds(1));
        await PhaseAsync(load, "nothing broken");
        await PhaseAsync(load, "Redis killed", stores.Redis.KillAsync, stores.Redis.RestartAsync);
        await PhaseAsync(load, "Redis stopped by a signal", stores.Redis.PauseAsync, stores.Redis.ContinueAsync);
        await PhaseAsync(load, "Redis emptied again and again", () => RepeatAsync(() => stores.Redis.DoAsync("FLUSHALL")));
        await PhaseAsync(load, "Redis slow (CLIENT PAUSE)", () => stores.Redis.DoAsync("CLIENT", "PAUSE", Milliseconds(Each)));
        await PhaseAsync(load, "Redis a replica that cannot be written", () => stores.Redis.DoAsync("REPLICAOF", "127.0.0.1", "1"), () => stores.Redis.DoAsync("REPLICAOF", "NO", "ONE"));
        await PhaseAsync(load, "PostgreSQL killed", postgres.KillAsync, postgres.RestartAsync);
        await PhaseAsync(load, "PostgreSQL stopped by a signal", () => Both(Task.CompletedTask, postgres.Pause), () => Both(Task.CompletedTask, postgres.Continue));
        var emptied = 0;
        await PhaseAsync(load, "PostgreSQL emptied again and again", () => RepeatAsync(async () => emptied += await EmptyAsync(stores)));
        Assert.That(emptied, Is.Positive);
        await PhaseAsync(load, "PostgreSQL slow (its tables locked)", () => SqlAsync(stores, "BEGIN", "LOCK TABLE analytics_hours, progress", $"SELECT pg_sleep({Seconds(Each)})", "COMMIT"));
        await PhaseAsync(load, "PostgreSQL read-only", () => SqlAsync(stores, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"),
            () => SqlAsync(stores, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"));
        await PhaseAsync(load, "both stopped by a signal", () => Both(stores.Redis.PauseAsync(), postgres.Pause), () => Both(stores.Redis.ContinueAsync(), postgres.Continue));
        await PhaseAsync(load, "both killed", () => Task.WhenAll(stores.Redis.KillAsync(), postgres.KillAsync()),
            () => Task.WhenAll(stores.Redis.RestartAsync(), postgres.RestartAsync()));

        truth.Still = true;
        foreach (var hour in hours)
            await Eventually.HoldsAsync($"hour {hour} is whole and unmarked again", async () =>
            {
                using var answer = await stores.Http.GetAsync($"/analytics?timestamp={Hours.StartMs(hour)}");
                return !answer.Headers.Contains("Tally-Stale") && HourReaders.Parse(await answer.Content.ReadAsStringAsync()) == truth.Now(hour);
            });
        var end = load.Begin("all well again");
        await Task.Delay(Each);
        await TestContext.Out.WriteLineAsync(end.Row());

        Assert.That(load.Wrong.Take(5), Is.Empty, () => stores.Query.Log);
        Assert.That(end.Answers, Is.GreaterThan(0));
        Assert.That(end.Refused, Is.Zero);
    }

    private static async Task PhaseAsync(ReadLoad load, string name, Func<Task>? breaks = null, Func<Task>? mends = null)
    {
        var phase = load.Begin(name);
        var over = Task.Delay(Each);
        if (breaks is not null) await breaks();
        await over;
        await TestContext.Out.WriteLineAsync(phase.Row());
        if (mends is null) return;
        phase = load.Begin($"… and back");
        over = Task.Delay(Each);
        await mends();
        await over;
        await TestContext.Out.WriteLineAsync(phase.Row());
    }

    private static async Task RepeatAsync(Func<Task> action)
    {
        for (var turn = 0; turn < 10; turn++)
        {
            await action();
            await Task.Delay(Each / 12);
        }
    }

    /// <returns>0 when the writer held one of the tables and waited for another; it is tried again.</returns>
    private static async Task<int> EmptyAsync(QueryStores stores)
    {
        try
        {
            await SqlAsync(stores, "TRUNCATE analytics_hours, analytics_days, analytics_sketches, progress, positions");
            return 1;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DeadlockDetected)
        {
            return 0;
        }
    }

    private static async Task SqlAsync(QueryStores stores, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(stores.Archive.ConnectionString);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 120 };
            await command.ExecuteNonQueryAsync();
        }
    }

    private static Task Both(Task redis, Action postgres)
    {
        postgres();
        return redis;
    }

    private static string Seconds(TimeSpan span) => span.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    private static string Milliseconds(TimeSpan span) => ((long)span.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
