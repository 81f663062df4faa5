using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tally.QueryService.Accounting;
using Tally.QueryService.Analytics;
using Tally.QueryService.Flows;
using Tally.QueryService.Frames;
using Tally.QueryService.Http;
using Tally.QueryService.Live;
using Tally.QueryService.Page;
using Tally.QueryService.Positions;
using Tally.QueryService.Ranges;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.OpenApi;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>The service's own pipeline on Kestrel, over sources that do what the test says.</summary>
public sealed class QueryServiceOverHttp : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;

    private QueryServiceOverHttp(WebApplication app, DirectoryInfo folder)
    {
        _app = app;
        _folder = folder;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(20) };
    }

    public Uri Address { get; }
    public HttpClient Http { get; }
    public FakeSource Redis => (FakeSource)_app.Services.GetServices<IHourSource>().First();
    public IEnumerable<string> Routes =>
        _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(e => e.RoutePattern.RawText!);
    public LiveFeed Live => _app.Services.GetRequiredService<LiveFeed>();
    public FakeEventLog Log => (FakeEventLog)_app.Services.GetRequiredService<IEventLog>();
    public FakeSource Archive => (FakeSource)_app.Services.GetServices<IHourSource>().Last();

    public static Task<QueryServiceOverHttp> StartAsync(params string[] settings) => StartAsync(withoutRecords: false, settings);

    /// <param name="withoutRecords">No source has progress records.</param>
    /// <param name="settings">Such as <c>--Query:CacheFor=00:00:00</c>.</param>
    public static async Task<QueryServiceOverHttp> StartAsync(bool withoutRecords, params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("tally-query-");
        var builder = WebApplication.CreateBuilder(["--Http:Port=0", $"--Archive:ConnectionString=Data Source={Path.Combine(folder.FullName, "archive.db")}", .. settings]);
        builder.AddServiceDefaults("query-service", defaultPort: 0);
        builder.Logging.ClearProviders();
        builder.AddAdmission();
        builder.Services.AddSingleton<IHourSource>(new FakeSource("redis"));
        builder.Services.AddSingleton<IHourSource>(new FakeSource("archive"));
        builder.Services.AddSingleton<IHourRefill>(new FakeRefill());
        builder.Services.AddSingleton<IProgressRecordSource>(new FakeRecords("redis", withoutRecords));
        builder.Services.AddSingleton<IProgressRecordSource>(new FakeRecords("archive", withoutRecords));
        builder.Services.AddSingleton<IFrameSource>(new FakeFrames(withoutRecords));
        builder.Services.AddSingleton<IEventLog>(new FakeEventLog());
        builder.Services.AddKeyedSingleton<IEventLog>(PositionRegistration.Flows, new FakeEventLog());
        builder.Services.AddValidatedOptions<ArchiveOptions>(ArchiveOptions.Section);
        builder.Services.AddSingleton<ArchiveDatabase, SqliteArchive>();
        builder.Services.AddSingleton<SqlFlowArchive>();
        builder.Services.AddSingleton<IRangeSource>(new FakeRanges());
        builder.AddReading();
        builder.AddRanges();
        builder.AddFlows();
        builder.AddFrames();
        builder.AddPositions();
        builder.AddLive();
        builder.AddAccounting();
        var app = builder.Build();
        app.UseAdmission(app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<QueryOptions>>().Value.MaxRequests);
        app.UseAnalytics();
        app.MapAnalytics();
        app.MapRanges();
        app.MapLive();
        app.MapPage();
        app.MapFlows();
        app.MapFrames();
        app.MapAccounting();
        app.MapApiDocument(typeof(AnalyticsEndpoints));
        app.MapHealth();
        app.MapNotFound();
        await app.StartAsync();
        return new QueryServiceOverHttp(app, folder);
    }

    public FakeRanges Ranges => (FakeRanges)_app.Services.GetRequiredService<IRangeSource>();

    /// <summary>Both sources are fresh and hold these counts for every hour.</summary>
    public void Hold(HourCounts counts)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var source in (FakeSource[])[Redis, Archive])
            source.Has(counts == default ? HourState.Absent : HourState.Complete, counts, new SourceProgress(1, [new(1, 0, 1, now, 0)]));
    }

    /// <summary>The archive is made and holds one flow of hour 1, at offset 0 of the only partition.</summary>
    public async Task HoldFlowAsync()
    {
        var archive = _app.Services.GetRequiredService<ArchiveDatabase>();
        await ArchiveMigrations.RunAsync(archive, CancellationToken.None);
        var sum = new FlowSum { Generation = 1, NextOffset = 1, BytesTx = 100, BytesRx = 300 };
        var progress = new Progress
        {
            Generation = 1,
            PartitionCount = 1,
            NextOffset = 1,
            AsOfMs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        await new SqlFlowStore(archive).WriteAsync(
            new SinkBatch<FlowPartial>("flows.sums", [new ReadRange(0, 0, 1)], [new FlowPartial(1, new FlowName("foo", "bar", "vpc-0"), 0, sum)], [progress]), CancellationToken.None);
    }

    /// <summary>Sends bytes as they are and reads until the server closes.</summary>
    public async Task<string> RawAsync(string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(Address.Host, Address.Port);
        await using var stream = socket.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        }
        catch (IOException)
        {
            // The server may answer and close before it has read everything.
        }
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
            // Reset after the answer: the server did not read all that was sent.
        }
        return Encoding.Latin1.GetString(answer.ToArray());
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private sealed class FakeRecords(string name, bool away) : IProgressRecordSource
    {
        public string Name => name;

        public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) =>
            away ? throw new IOException("nobody there") : Task.FromResult<IReadOnlyList<Progress>>([new Progress { Generation = 1, PartitionCount = 1, NextOffset = 3, AsOfMs = 1, SinceMs = 1 }]);
    }

    /// <summary>Five minutes of frames, a window each.</summary>
    private sealed class FakeFrames(bool away) : IFrameSource
    {
        public Task<FramePage> ReadAsync(string kind, long from, long to, int? generation, int rows, CancellationToken cancellation)
        {
            if (away) throw new IOException("nobody there");
            var windows = Enumerable.Range(0, 5).Select(n => new FrameWindow { Kind = kind, Start = 1_468_244_340 + (60 * n), End = 1_468_244_400 + (60 * n), UniqueUsers = n, Frames = 2 * n });
            var progress = new SourceProgress(1, [new PartitionProgress(1, 0, 1, 1, 0)]);
            return Task.FromResult(new FramePage(1, progress, [.. windows.Where(w => w.Start >= from && w.Start < to).Take(rows)]));
        }

        public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) =>
            away ? throw new IOException("nobody there") : Task.FromResult<IReadOnlyList<Progress>>([new Progress { Generation = 1, PartitionCount = 1, NextOffset = 3, AsOfMs = 1, SinceMs = 1 }]);
    }
}
