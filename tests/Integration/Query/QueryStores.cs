using System.Globalization;
using Microsoft.Data.Sqlite;
using Tally.Shared.ReadModel;
using Tally.Tests.Integration.Archive;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Query;

/// <summary>query-service as a process of its own over a real redis-server and a SQLite archive, or one in PostgreSQL.</summary>
internal sealed class QueryStores : IAsyncDisposable
{
    private QueryStores(RedisServer redis, TemporaryArchive archive, ServiceProcess query, HttpClient http)
    {
        Redis = redis;
        Archive = archive;
        Query = query;
        Connection = redis.Connect(Settings);
        Http = http;
    }

    public RedisServer Redis { get; }
    public TemporaryArchive Archive { get; }
    public ServiceProcess Query { get; }
    public RedisConnection Connection { get; }
    public RedisOptions Settings { get; } = new();
    public HttpClient Http { get; }

    public static async Task<QueryStores> StartAsync(PostgresServer? postgres = null)
    {
        // Of a dump it loads key by key, slowly, and answers in between.
        var redis = await RedisServer.StartAsync("--key-load-delay", "100", "--loading-process-events-interval-bytes", "1024");
        var archive = await TemporaryArchive.CreateAsync(postgres);
        var (query, http) = StartQuery("query", redis, archive);
        return new QueryStores(redis, archive, query, http);
    }

    /// <summary>A further instance on the same archive, with a Redis of its own.</summary>
    public (ServiceProcess Query, HttpClient Http) StartAnother(RedisServer redis) => StartQuery("query-2", redis, Archive);

    private static (ServiceProcess Query, HttpClient Http) StartQuery(string name, RedisServer redis, TemporaryArchive archive)
    {
        var port = FreePort.Next();
        var query = ServiceProcess.Of(name, "QueryService", new Dictionary<string, string>
        {
            ["Http__Port"] = port.ToString(CultureInfo.InvariantCulture),
            ["Redis__Endpoints"] = redis.Endpoint,
            ["Archive__ConnectionString"] = archive.ConnectionString,
            // Nobody is there: nothing that is read needs Kafka.
            ["Kafka__BootstrapServers"] = $"127.0.0.1:{FreePort.Next()}",
            ["TZ"] = "America/St_Johns",
            ["LC_ALL"] = "ar_SA.UTF-8",
        });
        query.Start();
        return (query, new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(30) });
    }

    /// <summary>Waits until the service says that it is ready.</summary>
    public Task ReadyAsync() => ReadyAsync(Http);

    /// <inheritdoc cref="ReadyAsync()"/>
    public static Task ReadyAsync(HttpClient http) => Eventually.HoldsAsync("query-service is ready", async () =>
    {
        using var answer = await http.GetAsync("/health/ready");
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
