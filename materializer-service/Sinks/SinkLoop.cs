using Tally.MaterializerService.Feed;
using Tally.Shared.Hosting;

namespace Tally.MaterializerService.Sinks;

/// <summary>A sink as health checks see it.</summary>
public interface ISink
{
    TimeSpan SinceLastBeat { get; }

    SinkStatus Status { get; }
}

/// <summary>One sink on a thread of its own: makes its store ready, then runs session after session.</summary>
public sealed partial class SinkLoop<T> : DedicatedLoop, ISink where T : class
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly SinkProfile<T> _sink;
    private readonly MaterializerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;

    public SinkLoop(
        SinkProfile<T> sink, MaterializerOptions options, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger logger)
        : base($"{sink.Name}-sink", lifetime, clock, logger)
    {
        _sink = sink;
        _options = options;
        _clock = clock;
        _logger = logger;
        Status = new SinkStatus(sink.Name, clock);
        SinkMetrics.Observe(Status);
    }

    public SinkStatus Status { get; }

    protected override void Run(CancellationToken stopping)
    {
        if (!Prepare(stopping)) return;
        var writer = new SinkWriter<T>(_sink, _options.BreakFor, _clock);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                new SinkSession<T>(_sink, writer, Status, _options, _clock, _logger).Run(Beat, stopping);
            }
            catch (FeedLostException e)
            {
                SessionLost(_logger, _sink.Name, e.Message);
                stopping.WaitHandle.WaitOne(Pause);
            }
        }
    }

    private bool Prepare(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            Beat();
            try
            {
                _sink.Prepare(stopping).GetAwaiter().GetResult();
                Status.Trouble = null;
                return true;
            }
            catch (Exception e) when (e is not ConfigurationException && !stopping.IsCancellationRequested)
            {
                if (Status.Trouble is null) NotPrepared(_logger, e, _sink.Name);
                Status.Trouble = $"{_sink.Name} cannot be made ready: {e.Message}";
                stopping.WaitHandle.WaitOne(Pause);
            }
        }
        return false;
    }

    [LoggerMessage(EventId = 6111, Level = LogLevel.Warning, Message = "{Sink}: the consumer is replaced: {Reason}")]
    private static partial void SessionLost(ILogger logger, string sink, string reason);

    [LoggerMessage(EventId = 6112, Level = LogLevel.Warning, Message = "{Sink} cannot be made ready; trying again until it can")]
    private static partial void NotPrepared(ILogger logger, Exception e, string sink);
}
