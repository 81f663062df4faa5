using System.Collections.Concurrent;
using System.Globalization;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>
/// Faults drawn by lot, several at a time but one at each process: kill -9, SIGSTOP for longer than session and transaction live, SIGTERM,
/// each followed by the return; brokers killed and revived, frozen and thawed.
/// </summary>
public sealed class Strikes(Random random, ServiceProcess[] processors, Brokers brokers, TimeSpan freeze)
{
    private static readonly TimeSpan TermLimit = TimeSpan.FromSeconds(12);

    private readonly bool[] _busy = new bool[processors.Length];
    private readonly List<Task> _running = [];
    private Task _broker = Task.CompletedTask;

    /// <summary>How often each kind was done.</summary>
    public ConcurrentDictionary<string, int> Done { get; } = [];

    /// <summary>What must not have happened.</summary>
    public ConcurrentQueue<string> Faults { get; } = [];

    /// <summary>Strikes once, without waiting for the return.</summary>
    public async Task StrikeAsync()
    {
        while (_broker.IsCompleted is false && _busy.All(busy => busy)) await Task.Delay(50);
        if (random.Next(5) == 0 && _broker.IsCompleted)
        {
            await _broker;
            _broker = StrikeBrokerAsync(1 + random.Next(brokers.Count), random.Next(3) == 0, Seconds(0.3, 8));
            return;
        }
        int slot;
        while (true)
        {
            slot = random.Next(processors.Length);
            if (!_busy[slot]) break;
            await Task.Delay(20);
        }
        _busy[slot] = true;
        _running.Add(StrikeProcessorAsync(slot, random.Next(3), Seconds(0, 4)));
    }

    /// <summary>Waits until everything that was struck is back.</summary>
    public async Task SettleAsync()
    {
        await Task.WhenAll([.. _running, _broker]);
        foreach (var processor in processors.Where(p => !p.Running)) Faults.Enqueue($"{processor.Name} ended by itself: {processor.Log}");
    }

    /// <summary>SIGTERM to all that run.</summary>
    public async Task StopAllAsync()
    {
        foreach (var processor in processors) await StopAsync(processor);
    }

    private async Task StopAsync(ServiceProcess processor)
    {
        var code = await processor.StopAsync(TermLimit);
        // One that has not come up yet has nothing to end in order, and nothing to lose; all may be counted before the last one is back.
        if (code != 0 && processor.LogOfThisLife.Contains("Application started", StringComparison.Ordinal))
            Faults.Enqueue($"{processor.Name} ended with {code?.ToString(CultureInfo.InvariantCulture) ?? "nothing"} on SIGTERM: {processor.Log}");
    }

    private TimeSpan Seconds(double least, double most) => TimeSpan.FromSeconds(least + (random.NextDouble() * (most - least)));

    private async Task StrikeBrokerAsync(int broker, bool freezes, TimeSpan away)
    {
        Count(freezes ? "broker frozen" : "broker killed");
        if (freezes) brokers.Pause(broker);
        else await brokers.KillAsync(broker);
        await Task.Delay(away);
        if (freezes) brokers.Resume(broker);
        else await brokers.ReviveAsync(broker);
    }

    private async Task StrikeProcessorAsync(int slot, int kind, TimeSpan away)
    {
        var processor = processors[slot];
        if (!processor.Running)
        {
            Faults.Enqueue($"{processor.Name} ended by itself: {processor.Log}");
            processor.Start();
        }
        else if (kind == 0)
        {
            Count("kill -9");
            await processor.KillAsync();
            await Task.Delay(away);
            processor.Start();
        }
        else if (kind == 1)
        {
            Count("frozen beyond its session");
            processor.Pause();
            await Task.Delay(freeze + (away / 2));
            processor.Continue();
        }
        else
        {
            Count("SIGTERM");
            await StopAsync(processor);
            await Task.Delay(away);
            processor.Start();
        }
        _busy[slot] = false;
    }

    private void Count(string kind) => Done.AddOrUpdate(kind, 1, (_, count) => count + 1);
}
