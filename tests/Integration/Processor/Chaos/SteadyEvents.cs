using Tally.Shared.Kafka;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>Some two thousand events a second until told to stop, whatever becomes of the broker.</summary>
public sealed class SteadyEvents : IAsyncDisposable
{
    private const int Slice = 100;
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource _stop = new();
    private readonly EventFlood _flood;
    private readonly Task _run;

    public SteadyEvents(KafkaOptions kafka, int seed)
    {
        _flood = new EventFlood(kafka, seed);
        _run = Task.Run(RunAsync);
    }

    /// <summary>Ends once all of them are in the topic.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _run;
        await Task.Run(_flood.Flush);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _flood.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Every);
        while (!_stop.IsCancellationRequested)
        {
            _flood.Send(Slice);
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }
}
