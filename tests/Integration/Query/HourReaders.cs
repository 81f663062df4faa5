using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Query;

/// <summary>Clients that read hours without pause and hold every answer against the truth.</summary>
internal sealed partial class HourReaders : IAsyncDisposable
{
    /// <summary>Unmarked answers may be this old, plus what a busy machine takes.</summary>
    public const long FreshWithinMs = 5000 + 1500;

    private readonly HttpClient _http;
    private readonly TruthWriter _truth;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly Task[] _running;
    private int _answers;
    private int _marked;

    public HourReaders(HttpClient http, TruthWriter truth, long[] hours, int clients)
    {
        _http = http;
        _truth = truth;
        _running = [.. Enumerable.Range(0, clients).Select(_ => Task.Run(() => RunAsync(hours)))];
    }

    public IReadOnlyCollection<string> Wrong => _wrong;

    public int Answers => Volatile.Read(ref _answers);

    public string Summary => $"{_answers} answers, {_marked} of them marked stale";

    /// <summary>The three numbers of a body, which must have exactly the form of the contract.</summary>
    public static HourCounts Parse(string body)
    {
        var match = Form().Match(body);
        return match.Success ? new HourCounts(Number(1), Number(2), Number(3)) : throw new FormatException($"This is not the body of an hour: {body}");

        long Number(int group) => long.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    public static bool NotLess(HourCounts a, HourCounts b) => a.UniqueUsers >= b.UniqueUsers && a.Clicks >= b.Clicks && a.Impressions >= b.Impressions;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
    }

    private async Task RunAsync(long[] hours)
    {
        var last = new Dictionary<long, HourCounts>();
        for (var turn = 0; !_stop.IsCancellationRequested; turn++)
        {
            var hour = hours[turn % hours.Length];
            var asked = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            using var answer = await _http.GetAsync($"/analytics?timestamp={Hours.StartMs(hour) + 1}");
            var body = await answer.Content.ReadAsStringAsync();
            Interlocked.Increment(ref _answers);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                _wrong.Enqueue($"{answer.StatusCode} {body}");
                continue;
            }
            var counts = Parse(body);
            var most = _truth.Now(hour);
            if (!NotLess(most, counts)) _wrong.Enqueue($"hour {hour}: {counts} is more than was ever true, {most}");
            if (answer.Headers.Contains("Tally-Stale"))
            {
                Interlocked.Increment(ref _marked);
                continue;
            }
            var least = _truth.At(asked - FreshWithinMs, hour);
            if (!NotLess(counts, least)) _wrong.Enqueue($"hour {hour}: {counts}, unmarked, is older than {FreshWithinMs} ms, when {least} was true");
            if (last.TryGetValue(hour, out var before) && !NotLess(counts, before)) _wrong.Enqueue($"hour {hour}: {counts} after {before}, unmarked");
            last[hour] = counts;
            await Task.Delay(1);
        }
    }

    [GeneratedRegex(@"\Aunique_users,(\d+)\nclicks,(\d+)\nimpressions,(\d+)\n\z")]
    private static partial Regex Form();
}
