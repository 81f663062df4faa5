using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>
/// Reads hours without pause while things break, and checks each answer as it comes: never more than was begun, never less than an
/// unmarked answer before, and without Tally-Stale never less than what had been accepted a while ago.
/// </summary>
public sealed class Reader : IAsyncDisposable
{
    /// <summary>Unmarked answers may be this old (5 s, Query:FreshWithin), plus what a busy test machine takes.</summary>
    private static readonly TimeSpan FreshWithin = TimeSpan.FromSeconds(5 + 3);

    private readonly Pipeline _pipeline;
    private readonly SteadyLoad _load;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly Task _reading;
    private int _answers;
    private int _stale;
    private int _refused;

    public Reader(Pipeline pipeline, SteadyLoad load, long[] hours)
    {
        _pipeline = pipeline;
        _load = load;
        _reading = Task.Run(() => RunAsync(hours));
    }

    /// <summary>Every answer that gave a number that was never true.</summary>
    public IReadOnlyCollection<string> Wrong => _wrong;

    /// <summary>Answers that were not marked stale: only they are held against what had been accepted.</summary>
    public int Unmarked => _answers - _stale;

    public string Summary => $"{_answers} answers, {_stale} of them marked stale, {_refused} refused or broken";

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _reading;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(long[] hours)
    {
        var last = new Dictionary<long, HourBody>();
        for (var turn = 0; !_stop.IsCancellationRequested; turn++)
        {
            var hour = hours[turn % hours.Length];
            var asked = Stopwatch.GetTimestamp();
            var accepted = _load.AcceptedBefore(asked - (long)(FreshWithin.TotalSeconds * Stopwatch.Frequency));
            var floor = HourBody.Of(accepted.Where(e => e.Hour == hour));
            if (await ReadAsync(hour) is not var (body, stale)) continue;

            var ceiling = HourBody.Of(_load.Begun.Where(e => e.Hour == hour));
            if (!ceiling.AtLeast(body)) _wrong.Enqueue($"hour {hour}: {body} is more than was ever sent, {ceiling}");
            if (body.Users > body.Clicks + body.Impressions) _wrong.Enqueue($"hour {hour}: {body} has more users than events");
            if (!stale && !body.AtLeast(floor)) _wrong.Enqueue($"hour {hour}: {body} lacks events accepted {FreshWithin.TotalSeconds} s before, {floor}, and is not marked stale");
            if (!stale && last.TryGetValue(hour, out var before) && !body.AtLeast(before)) _wrong.Enqueue($"hour {hour}: {body} after {before}, and is not marked stale");
            if (!stale) last[hour] = body;
        }
    }

    private async Task<(HourBody Body, bool Stale)?> ReadAsync(long hour)
    {
        try
        {
            using var answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}"));
            var text = await answer.Content.ReadAsStringAsync();
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                _answers++;
                var stale = answer.Headers.Contains("Tally-Stale");
                if (stale) _stale++;
                return (HourBody.Parse(text), stale);
            }
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable) _wrong.Enqueue($"GET was answered {answer.StatusCode}: {text}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
        }
        _refused++;
        await Task.Delay(50);
        return null;
    }
}
