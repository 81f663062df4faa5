using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Query;

/// <summary>
/// GETs at a steady rate whatever becomes of them. Each is timed from the moment it was due, so that a stall counts for all it held up, and each
/// answer is held against the truth.
/// </summary>
internal sealed class ReadLoad : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly TruthWriter _truth;
    private readonly long[] _hours;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly Task[] _clients;
    private Phase _phase = new("warm-up");

    /// <param name="http">Where to read.</param>
    /// <param name="truth">What is true.</param>
    /// <param name="hours">The first is read 19 times out of 20.</param>
    /// <param name="clients">Connections.</param>
    /// <param name="rate">GETs a second of all together.</param>
    public ReadLoad(HttpClient http, TruthWriter truth, long[] hours, int clients, int rate)
    {
        (_http, _truth, _hours) = (http, truth, hours);
        var every = TimeSpan.FromSeconds((double)clients / rate);
        _clients = [.. Enumerable.Range(0, clients).Select(n => Task.Run(() => RunAsync(new Random(n), every)))];
    }

    /// <summary>Answers that were never true, or older than unmarked answers may be, or went back unmarked.</summary>
    public IReadOnlyCollection<string> Wrong => _wrong;

    /// <summary>What is answered from now on is told apart from what was before.</summary>
    public Phase Begin(string name) => _phase = new Phase(name);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
        _stop.Dispose();
    }

    private async Task RunAsync(Random random, TimeSpan every)
    {
        var last = new Dictionary<long, HourCounts>();
        var due = Stopwatch.GetTimestamp() + (long)(random.NextDouble() * every.TotalSeconds * Stopwatch.Frequency);
        while (!_stop.IsCancellationRequested)
        {
            var early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            if (early > TimeSpan.FromMilliseconds(1)) await Task.Delay(early);
            await ReadAsync(random.Next(20) > 0 ? _hours[0] : _hours[random.Next(_hours.Length)], due, last);
            due += (long)(every.TotalSeconds * Stopwatch.Frequency);
        }
    }

    private async Task ReadAsync(long hour, long due, Dictionary<long, HourCounts> last)
    {
        var phase = _phase;
        var asked = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        HttpStatusCode status = default;
        var stale = false;
        try
        {
            using var answer = await _http.GetAsync($"/analytics?timestamp={Hours.StartMs(hour) + 1}");
            status = answer.StatusCode;
            stale = answer.Headers.Contains("Tally-Stale");
            var body = await answer.Content.ReadAsStringAsync();
            if (status == HttpStatusCode.OK) Check(hour, HourReaders.Parse(body), stale, asked, last);
            else if (status != HttpStatusCode.ServiceUnavailable || answer.Headers.RetryAfter is null) _wrong.Enqueue($"{phase.Name}: {status} {body}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            _wrong.Enqueue($"{phase.Name}: {e.Message}");
        }
        phase.Add(Stopwatch.GetElapsedTime(due), status, stale);
    }

    private void Check(long hour, HourCounts counts, bool stale, long asked, Dictionary<long, HourCounts> last)
    {
        if (!HourReaders.NotLess(_truth.Now(hour), counts)) _wrong.Enqueue($"hour {hour}: {counts} is more than was ever true");
        if (stale) return;
        var least = _truth.At(asked - HourReaders.FreshWithinMs, hour);
        if (!HourReaders.NotLess(counts, least)) _wrong.Enqueue($"hour {hour}: {counts}, unmarked, is older than {HourReaders.FreshWithinMs} ms, when {least} was true");
        if (last.TryGetValue(hour, out var before) && !HourReaders.NotLess(counts, before)) _wrong.Enqueue($"hour {hour}: {counts} after {before}, unmarked");
        last[hour] = counts;
    }

    /// <summary>What was answered while something was broken in one way.</summary>
    internal sealed class Phase(string name)
    {
        private readonly ConcurrentQueue<double> _latencies = new();
        private readonly long _begun = Stopwatch.GetTimestamp();
        private int _marked;
        private int _refused;

        public string Name => name;

        public int Answers => _latencies.Count;

        public int Refused => _refused;

        public void Add(TimeSpan latency, HttpStatusCode status, bool stale)
        {
            _latencies.Enqueue(latency.TotalMilliseconds);
            if (stale) Interlocked.Increment(ref _marked);
            if (status != HttpStatusCode.OK) Interlocked.Increment(ref _refused);
        }

        /// <summary>Rate, share of 503, share marked, latencies: a row of a table. To be taken when the phase ends.</summary>
        public string Row()
        {
            var seconds = Stopwatch.GetElapsedTime(_begun).TotalSeconds;
            double[] sorted = [.. _latencies.Order()];
            // A short phase may end before the first read of it does.
            if (sorted.Length == 0) return $"| {name} | none | | | | | |";
            return string.Create(CultureInfo.InvariantCulture,
                $"| {name} | {sorted.Length / seconds:F0}/s | {100.0 * _refused / sorted.Length:F2} % | {100.0 * _marked / sorted.Length:F1} % | {At(0.5):F1} ms | {At(0.99):F0} ms | {sorted[^1]:F0} ms |");

            double At(double share) => sorted[(int)(sorted.Length * share)];
        }
    }
}
