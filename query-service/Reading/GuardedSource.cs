using Polly;
using Polly.CircuitBreaker;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>How a source is guarded.</summary>
/// <param name="Timeout">Of one read, its waiting included.</param>
/// <param name="Concurrency">Reads at once; abandoned ones count until they end.</param>
/// <param name="Queue">Reads that may wait for a place.</param>
/// <param name="BreakFor">How long it is left alone after failing.</param>
public sealed record SourceLimits(TimeSpan Timeout, int Concurrency, int Queue, TimeSpan BreakFor);

/// <summary>
/// A source behind a bulkhead, a time limit and a circuit breaker: whatever it does, a read ends in time, and one that hangs takes
/// neither threads nor connections without bound.
/// </summary>
public sealed partial class GuardedSource : IDisposable
{
    private static readonly TimeSpan Sampling = TimeSpan.FromSeconds(1);
    private const int FailuresBeforeBreak = 3;

    private readonly IHourSource _source;
    private readonly string _system;
    private readonly SourceLimits _limits;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline<HourReading> _pipeline;
    private readonly SemaphoreSlim _places;
    private int _waiting;
    private int _ended;
    private int _away;
    private volatile string? _trouble;

    /// <param name="source">Redis or the archive.</param>
    /// <param name="system">Its <c>db.system.name</c>.</param>
    /// <param name="limits">How it is guarded.</param>
    /// <param name="clock">Measures every limit.</param>
    /// <param name="logger">Told once when the source goes and once when it comes back.</param>
    public GuardedSource(IHourSource source, string system, SourceLimits limits, TimeProvider clock, ILogger<GuardedSource> logger)
    {
        _source = source;
        _system = system;
        _limits = limits;
        _clock = clock;
        _logger = logger;
        _places = new SemaphoreSlim(limits.Concurrency);
        _pipeline = Pipeline();
    }

    /// <summary><c>redis</c> or <c>archive</c>.</summary>
    public string Name => _source.Name;

    /// <summary>Why the last read failed, in one line; null when it did not.</summary>
    public string? Trouble => _trouble;

    /// <summary>Reads the hour.</summary>
    /// <returns>Null when the source is away, too slow or too busy: ask the next one.</returns>
    public async Task<HourReading?> TryReadAsync(long hour, CancellationToken cancellation)
    {
        using var span = ReadingTelemetry.StartRead(Name, _system);
        var begun = _clock.GetTimestamp();
        var context = ResilienceContextPool.Shared.Get(cancellation);
        var outcome = await _pipeline.ExecuteOutcomeAsync(static (context, call) => call.Source.AskAsync(call.Hour, call.Caller, context.CancellationToken),
            context, (Source: this, Hour: hour, Caller: cancellation)).ConfigureAwait(false);
        ResilienceContextPool.Shared.Return(context);
        ReadingTelemetry.EndRead(span, _system, _clock.GetElapsedTime(begun), outcome.Exception);
        // An open circuit breaker says nothing of the cause.
        if (outcome.Exception is not (BrokenCircuitException or OperationCanceledException)) _trouble = outcome.Exception?.Message.ReplaceLineEndings(" ").TrimEnd('.');
        cancellation.ThrowIfCancellationRequested();
        return outcome.Result;
    }

    public void Dispose() => _places.Dispose();

    private async ValueTask<Outcome<HourReading>> AskAsync(long hour, CancellationToken caller, CancellationToken cancellation)
    {
        var ended = Volatile.Read(ref _ended);
        var waited = false;
        try
        {
            waited = !_places.Wait(TimeSpan.Zero, CancellationToken.None);
            if (waited && !await QueueAsync(cancellation).ConfigureAwait(false)) return Outcome.FromException<HourReading>(new SourceBusyException(Name));
            var call = LeaveAfterAsync(hour, cancellation);
            // The client of the mirror package set knows no tokens: the call is left behind, its place is not.
            try
            {
                return Outcome.FromResult(await call.WaitAsync(cancellation).ConfigureAwait(false));
            }
            catch (OperationCanceledException) when (!call.IsCompleted)
            {
                // Nobody else will look at how it ends.
                _ = call.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                throw;
            }
        }
        catch (OperationCanceledException) when (waited && !caller.IsCancellationRequested && Volatile.Read(ref _ended) != ended)
        {
            // The waiting took the time while reads went on. Where none ended meanwhile, the source hangs: that is its failure.
            return Outcome.FromException<HourReading>(new SourceBusyException(Name));
        }
        catch (Exception e)
        {
            return Outcome.FromException<HourReading>(e);
        }
    }

    /// <summary>Waits for a place; false when as many wait already as may.</summary>
    private async ValueTask<bool> QueueAsync(CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _waiting) > _limits.Queue)
        {
            Interlocked.Decrement(ref _waiting);
            return false;
        }
        try
        {
            await _places.WaitAsync(cancellation).ConfigureAwait(false);
            return true;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task<HourReading> LeaveAfterAsync(long hour, CancellationToken cancellation)
    {
        try
        {
            return await _source.ReadAsync(hour, cancellation).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Increment(ref _ended);
            _places.Release();
        }
    }

    private ResiliencePipeline<HourReading> Pipeline() =>
        new ResiliencePipelineBuilder<HourReading> { TimeProvider = _clock }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HourReading>
            {
                FailureRatio = 0.5,
                MinimumThroughput = FailuresBeforeBreak,
                SamplingDuration = Sampling,
                BreakDuration = _limits.BreakFor,
                // Being asked too much is not being away.
                ShouldHandle = static a => ValueTask.FromResult(a.Outcome.Exception is not (null or OperationCanceledException or SourceBusyException)),
                OnOpened = Opened,
                OnClosed = Closed,
            })
            .AddTimeout(_limits.Timeout)
            .Build();

    private ValueTask Opened(OnCircuitOpenedArguments<HourReading> opened)
    {
        if (Interlocked.Exchange(ref _away, 1) == 0) Away(_logger, Name, opened.Outcome.Exception?.GetType().Name, opened.Outcome.Exception?.Message);
        return ValueTask.CompletedTask;
    }

    private ValueTask Closed(OnCircuitClosedArguments<HourReading> closed)
    {
        if (Interlocked.Exchange(ref _away, 0) == 1) Back(_logger, Name);
        return ValueTask.CompletedTask;
    }

    [LoggerMessage(EventId = 4101, Level = LogLevel.Warning, Message = "{Source} does not answer ({Error}: {Reason}); the other sources are asked meanwhile")]
    private static partial void Away(ILogger logger, string source, string? error, string? reason);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Information, Message = "{Source} answers again")]
    private static partial void Back(ILogger logger, string source);
}

/// <summary>More reads wait for a source than may.</summary>
public sealed class SourceBusyException(string source) : Exception($"Too many reads wait for {source}.");
