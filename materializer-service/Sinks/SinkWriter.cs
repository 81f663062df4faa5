using System.Diagnostics;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>
/// Writes to a store with a time limit, one quick retry and a breaker. What fails then stays with the sink, which tries again while it
/// goes on reading up to its bound.
/// </summary>
public sealed class SinkWriter<T> where T : class
{
    private readonly SinkProfile<T> _sink;
    private readonly ResiliencePipeline _pipeline;

    public SinkWriter(SinkProfile<T> sink, TimeSpan breakFor, TimeProvider clock)
    {
        _sink = sink;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 1,
                Delay = TimeSpan.FromMilliseconds(20),
                UseJitter = true,
                ShouldHandle = new PredicateBuilder().Handle<Exception>(e => Passing(e) && e is not BrokenCircuitException and not TimeoutRejectedException),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = 0.5,
                MinimumThroughput = 4,
                SamplingDuration = TimeSpan.FromSeconds(10),
                BreakDuration = breakFor,
                ShouldHandle = new PredicateBuilder().Handle<Exception>(Passing),
            })
            .AddTimeout(sink.WriteTimeout)
            .Build();
    }

    /// <exception cref="ConfigurationException">Only a person can mend it.</exception>
    /// <exception cref="Exception">The store is away; nothing or all of the batch was written.</exception>
    public async Task<SinkBatchResult> WriteAsync(SinkBatch<T> batch, CancellationToken cancellation) =>
        await _pipeline.ExecuteAsync(async token => await OnceAsync(batch, token).ConfigureAwait(false), cancellation).ConfigureAwait(false);

    private static bool Passing(Exception e) => e is not OperationCanceledException and not ConfigurationException;

    private async Task<SinkBatchResult> OnceAsync(SinkBatch<T> batch, CancellationToken cancellation)
    {
        // A heartbeat a second that nobody's trace leads to is not worth a trace of its own.
        using var span = Activity.Current is null ? null : SinkMetrics.Activities.StartActivity($"{_sink.Operation} {batch.Topic}", ActivityKind.Client);
        span?.SetTag(MessagingTags.DbSystem, _sink.System);
        span?.SetTag(MessagingTags.DbOperation, _sink.Operation);
        try
        {
            return await _sink.Store.WriteAsync(batch, cancellation).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            span?.SetTag(MessagingTags.ErrorType, e.GetType().Name);
            span?.SetStatus(ActivityStatusCode.Error);
            throw;
        }
    }
}
