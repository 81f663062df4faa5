using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Materializer;

/// <summary>Both sinks on their threads, as the service runs them.</summary>
internal sealed class RunningSinks : IAsyncDisposable
{
    private readonly List<SinkLoop<HourPartial>> _loops = [];

    public Lifetime Life { get; } = new();

    public SinkStatus Redis => _loops.Single(l => l.Status.Name == "redis").Status;

    public HealthCheckResult RedisHealth() =>
        new SinkHealthCheck(_loops.Single(l => l.Status.Name == "redis")).CheckHealthAsync(new HealthCheckContext()).GetAwaiter().GetResult();

    public SinkStatus Archive => _loops.Single(l => l.Status.Name == "archive").Status;

    public static async Task<RunningSinks> StartAsync(
        IPartialFeedFactory feeds, RedisHourStore redis, ArchiveDatabase? archive = null, MaterializerOptions? options = null)
    {
        options ??= new MaterializerOptions { RedisTimeout = TimeSpan.FromMilliseconds(500), ArchiveInterval = TimeSpan.FromMilliseconds(20) };
        var sinks = new RunningSinks();
        await sinks.AddAsync(options, new SinkProfile<HourPartial>(new HourPartialKind(), feeds, redis, "redis", "EVAL", "redis", TimeSpan.Zero, options.RedisTimeout,
            _ => Task.CompletedTask, options.BatchRecords, options.Generation, new HoursAhead(TimeSpan.FromHours(2), TimeProvider.System).Refusal));
        if (archive is null) return sinks;
        var store = new SqlHourStore(archive);
        await sinks.AddAsync(options, new SinkProfile<HourPartial>(new HourPartialKind(), feeds, store, archive.System, "INSERT", "archive",
            options.ArchiveInterval, options.ArchiveTimeout, store.PrepareAsync, options.BatchRecords, options.Generation));
        return sinks;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_loops.Select(l => l.StopAsync(CancellationToken.None)));
        foreach (var loop in _loops) loop.Dispose();
        // A loop that faults leaves the exit code of its process behind.
        Environment.ExitCode = 0;
    }

    private async Task AddAsync(MaterializerOptions options, SinkProfile<HourPartial> sink)
    {
        var loop = new SinkLoop<HourPartial>(sink, options, Life, TimeProvider.System, Life.Logger);
        _loops.Add(loop);
        await loop.StartAsync(CancellationToken.None);
    }

    /// <summary>Learns when a loop ends its service.</summary>
    internal sealed class Lifetime : IHostApplicationLifetime
    {
        private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public KeptLog<ISink> Logger { get; } = new();

        public Task Stopped => _stopped.Task;

        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication() => _stopped.TrySetResult();
    }
}

/// <summary>Keeps what was logged.</summary>
internal sealed class KeptLog<T> : ILogger<T>
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

    public string All => string.Join('\n', _lines);

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception?.GetType().Name}");
}
