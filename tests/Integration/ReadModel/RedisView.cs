using System.Globalization;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>The Redis view on a server of its own, with an archive that the test fills by hand.</summary>
internal sealed class RedisView : IAsyncDisposable
{
    public const string Topic = "analytics.hours";

    private readonly RedisServer _server;

    private RedisView(RedisServer server, RedisOptions options)
    {
        _server = server;
        Settings = options;
        Connection = server.Connect(options);
        Reader = new RedisHourView(Connection, Options.Create(options));
        Store = new RedisHourStore(Connection, Options.Create(options));
        Refill = new RedisHourRefill(Connection, Reader, Archive, Options.Create(options), TimeProvider.System);
    }

    public RedisOptions Settings { get; }

    public RedisConnection Connection { get; }

    public RedisHourView Reader { get; }

    public RedisHourStore Store { get; }

    public RedisHourRefill Refill { get; }

    public HandArchive Archive { get; } = new();

    public RedisServer Server => _server;

    public static long ThisHour => Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>No tolerance, so that the hours after this one are new from the start.</summary>
    public static async Task<RedisView> StartAsync(Action<RedisOptions>? change = null)
    {
        var options = new RedisOptions { FutureTolerance = TimeSpan.Zero, RefillPatience = TimeSpan.Zero };
        change?.Invoke(options);
        return new RedisView(await RedisServer.StartAsync(), options);
    }

    /// <summary>The same server seen with other settings.</summary>
    public RedisHourStore StoreWith(RedisOptions options) => new(Connection, Options.Create(options));

    public static HourPartial Partial(long hour, int partition, long nextOffset, long clicks, long impressions, long users, int generation = 1) => new()
    {
        Hour = hour,
        Partition = partition,
        NextOffset = nextOffset,
        Clicks = clicks,
        Impressions = impressions,
        UniqueUsers = users,
        Generation = generation,
    };

    public static Progress Progress(int partition, long nextOffset, long asOfMs = 1000, int generation = 1) => new()
    {
        Partition = partition,
        NextOffset = nextOffset,
        AsOfMs = asOfMs,
        PartitionCount = 2,
        Generation = generation,
        Outcomes = new Outcomes { Counted = nextOffset },
    };

    public static SinkBatch<HourPartial> Batch(int partition, long from, long to, params object[] records) =>
        new(Topic, [new ReadRange(partition, from, to)], [.. records.OfType<HourPartial>()], [.. records.OfType<Progress>()]);

    public async Task ApplyAsync(SinkBatch<HourPartial> batch) =>
        Assert.That((await Store.WriteAsync(batch, CancellationToken.None)).Applied, Is.True);

    public Task<HourReading> ReadAsync(long hour) => Reader.ReadAsync(hour, CancellationToken.None);

    public Task<RedisResult> DoAsync(string command, params object[] arguments) =>
        Connection.CallAsync(redis => redis.ExecuteAsync(command, arguments), CancellationToken.None);

    public async Task<string?> FieldAsync(long hour, string field) =>
        (string?)await DoAsync("HGET", Key(hour), field);

    public static string Key(long hour) => string.Create(CultureInfo.InvariantCulture, $"analytics:hour:{Hours.Name(hour)}");

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await _server.DisposeAsync();
    }
}

/// <summary>An archive that holds what the test says.</summary>
internal sealed class HandArchive : IHourPartialSource
{
    public List<PartitionProgress> Progress { get; } = [];

    public List<HourPartial> Partials { get; } = [];

    public Task<SourceProgress> ReadProgressAsync(int generation, CancellationToken cancellation) =>
        Task.FromResult(new SourceProgress(2, Progress.Where(p => p.Generation == generation)));

    public async Task<HourPartials> ReadPartialsAsync(int generation, long hour, CancellationToken cancellation) =>
        new(await ReadProgressAsync(generation, cancellation), [.. Partials.Where(p => p.Generation == generation && p.Hour == hour)]);
}
