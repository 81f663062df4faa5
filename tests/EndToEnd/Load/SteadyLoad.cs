using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>
/// Clients that post without pause while things break. Events with an id are retried until accepted, so they count exactly once.
/// Events without one go to hours of their own: there 204 counts once, any other end counts once or not at all.
/// </summary>
public sealed class SteadyLoad : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Poster _poster;
    private readonly Task[] _clients;
    private readonly long[] _hours;
    private readonly ConcurrentQueue<(long AcceptedAt, PostedEvent Event)> _accepted = new();
    private readonly ConcurrentQueue<PostedEvent> _unknown = new();
    private readonly ConcurrentQueue<PostedEvent> _begun = new();
    private readonly int _seed;

    /// <param name="pipeline">Where to post.</param>
    /// <param name="seed">Of the events.</param>
    /// <param name="clients">How many post at the same time.</param>
    /// <param name="hours">The first half takes events with ids, the second half those without.</param>
    public SteadyLoad(Pipeline pipeline, int seed, int clients, long[] hours)
    {
        _poster = new Poster(pipeline);
        _seed = seed;
        _hours = hours;
        _clients = [.. Enumerable.Range(0, clients).Select(n => Task.Run(() => RunAsync(n)))];
    }

    public Poster Poster => _poster;

    public IReadOnlyCollection<PostedEvent> Unknown => _unknown;

    /// <summary>Everything a client ever began to send: no answer can hold more.</summary>
    public IReadOnlyCollection<PostedEvent> Begun => _begun;

    /// <summary>What was answered 204 before <paramref name="timestamp"/> (Stopwatch ticks).</summary>
    public IEnumerable<PostedEvent> AcceptedBefore(long timestamp) => _accepted.Where(a => a.AcceptedAt < timestamp).Select(a => a.Event);

    public IEnumerable<PostedEvent> Accepted => _accepted.Select(a => a.Event);

    /// <summary>No new events; those in flight are retried until accepted.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(TimeSpan.FromSeconds(60));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAny(Task.WhenAll(_clients), Task.Delay(TimeSpan.FromSeconds(5)));
        _stop.Dispose();
    }

    private async Task RunAsync(int client)
    {
        var random = new Random(_seed * 1000 + client);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        for (var n = 0; !_stop.IsCancellationRequested; n++)
        {
            var withId = random.Next(2) == 0;
            var half = _hours.Length / 2;
            var hour = _hours[withId ? random.Next(half) : half + random.Next(_hours.Length - half)];
            var e = new PostedEvent(hour * 3_600_000 + random.Next(3_600_000), $"u{random.Next(400)}", random.Next(3) == 0, withId ? $"{client}-{n}" : null);
            _begun.Enqueue(e);
            if (withId)
            {
                await _poster.PostUntilAcceptedAsync(e, patience.Token);
                _accepted.Enqueue((Stopwatch.GetTimestamp(), e));
            }
            else if (await _poster.PostAsync(e, patience.Token) == HttpStatusCode.NoContent) _accepted.Enqueue((Stopwatch.GetTimestamp(), e));
            else
            {
                _unknown.Enqueue(e);
                await Task.Delay(50, CancellationToken.None);
            }
            // Some hundred events a second in all: enough to have some in flight at every moment, and the machine is small.
            await Task.Delay(random.Next(10, 40), CancellationToken.None);
        }
    }
}
