using System.Globalization;
using Microsoft.Data.Sqlite;
using Tally.Shared.ReadModel;
using Tally.Tests.Integration.Archive;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Query;

/// <summary>query-service as a process of its own over a real redis-server and a SQLite archive, or one in PostgreSQL.</summary>
internal sealed class QueryStores : IAsyncDisposable
{
    private QueryStores(RedisServer redis, TemporaryArchive archive, ServiceProcess query, int port)
    {
        Redis = redis;
        Archive = archive;
        Query = query;
        Connection = redis.Connect(Settings);
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(30) };
    }

    public RedisServer Redis { get; }
    public TemporaryArchive Archive { get; }
    public ServiceProcess Query { get; }
    public RedisConnection Connection { get; }
    public RedisOptions Settings { get; } = new();
    public HttpClient Http { get; }

    public static async Task<QueryStores> StartAsync(PostgresServer? postgres = null)
    {
        var redis = await RedisServer.StartAsync();
        var archive = await TemporaryArchive.CreateAsync(postgres);
        var port = FreePort.Next();
        var query = ServiceProcess.Of("query", "QueryService", new Dictionary<string, string>
        {
            ["Http__Port"] = port.ToString(CultureInfo.InvariantCulture),
            ["Redis__Endpoints"] = redis.Endpoint,
            ["Archive__ConnectionString"] = archive.ConnectionString,
            ["TZ"] = "America/St_Johns",
            ["LC_ALL"] = "ar_SA.UTF-8",
        });
        query.Start();
        return new QueryStores(redis, archive, query, port);
    }

    /// <summary>Waits until the service says that it is ready.</summary>
    public Task ReadyAsync() => Eventually.HoldsAsync("query-service is ready", async () =>
    {
        using var answer = await Http.GetAsync("/health/ready");
        return answer.IsSuccessStatusCode;
    });

    public Task DoAsync(string command, params object[] arguments) =>
        Connection.CallAsync(redis => redis.ExecuteAsync(command, arguments), CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Query.DisposeAsync();
        await Connection.DisposeAsync();
        await Redis.DisposeAsync();
        SqliteConnection.ClearAllPools();
        await Archive.DisposeAsync();
    }
}
