using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>
/// A client with hours of its own, whose numbers it therefore knows exactly: it writes, and reads back with the position it was given.
/// </summary>
public sealed class OwnWriter(HttpClient http, Uri[] commands, Uri[] queries, BrokenEvents broken, int seed, int number)
{
    private const int OwnHours = 12;
    private const int HoursApart = 4000;

    private readonly Random _random = new(HashCode.Combine(seed, number));
    private readonly HourOracle _oracle = new();
    private readonly List<PostedEvent> _withId = [];
    private readonly List<string> _wrong = [];
    private readonly List<Kind> _done = [];
    private readonly List<double> _waitedMs = [];
    private readonly Dictionary<int, long> _furthest = [];
    private readonly Dictionary<long, int> _inCurrentHour = [];

    /// <summary>What is written and which hour is read.</summary>
    public enum Kind
    {
        SameHour,
        OtherHour,
        EmptyHour,
        Duplicate,
        DeadLettered,
        NewHour,
        CurrentHour,
    }

    public IReadOnlyList<string> Wrong => _wrong;

    public IReadOnlyList<Kind> Done => _done;

    public IReadOnlyList<double> WaitedMs => _waitedMs;

    public async Task WriteAndReadAsync()
    {
        var kind = (Kind)_random.Next(Enum.GetValues<Kind>().Length);
        if (kind == Kind.Duplicate && _withId.Count == 0) kind = Kind.SameHour;
        _done.Add(kind);
        if (kind == Kind.CurrentHour)
        {
            await InCurrentHourAsync();
            return;
        }
        var hour = kind == Kind.NewHour ? FirstHour + OwnHours + _done.Count(k => k == Kind.NewHour) : OwnHour();
        string position;
        if (kind == Kind.DeadLettered) position = await broken.SendAsync(_random);
        else
        {
            var e = kind == Kind.Duplicate ? _withId[_random.Next(_withId.Count)] : NewEvent(hour * 3_600_000);
            position = await PostAsync(e);
            _oracle.Count(e);
            hour = e.Hour;
        }
        Remember(position);
        if (kind == Kind.OtherHour) hour = OwnHour();
        if (kind == Kind.EmptyHour) hour = FirstHour + HoursApart / 2 + _random.Next(HoursApart / 2);

        // One position tells of one event; who wants to see all that he wrote before, whichever source answers, sends the furthest of each partition.
        var body = await ReadAsync(hour, kind == Kind.NewHour ? position : Furthest);
        if (body != _oracle.Body(hour)) _wrong.Add($"{kind}, hour {hour} after {position}: {body} in place of {_oracle.Body(hour)}");
    }

    private string Furthest => string.Join(',', _furthest.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}.{p.Value}")));

    private long FirstHour => 300_000 + (long)number * HoursApart;

    private long OwnHour() => FirstHour + _random.Next(OwnHours);

    private PostedEvent NewEvent(long startMs)
    {
        var id = _random.Next(2) == 0 ? $"own-{seed}-{number}-{_done.Count}" : null;
        var e = new PostedEvent(startMs + _random.Next(3_600_000), $"own-{number}-{_random.Next(40)}", _random.Next(2) == 0, id);
        if (id is not null) _withId.Add(e);
        return e;
    }

    /// <summary>Where all write nobody knows the numbers, but all users of one's own are among them.</summary>
    private async Task InCurrentHourAsync()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var e = new PostedEvent(now, $"one-time-{seed}-{number}-{_done.Count}", true, null);
        Remember(await PostAsync(e));
        var least = _inCurrentHour[e.Hour] = _inCurrentHour.GetValueOrDefault(e.Hour) + 1;
        var body = await ReadAsync(e.Hour, Furthest);
        if (HourBody.Parse(body).Users < least) _wrong.Add($"current hour: {body} has fewer users than the {least} sent by this client alone");
    }

    private void Remember(string position)
    {
        var parts = position.Split('.');
        var (partition, offset) = (int.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture));
        _furthest[partition] = Math.Max(offset, _furthest.GetValueOrDefault(partition));
    }

    private async Task<string> PostAsync(PostedEvent e)
    {
        using var answer = await http.PostAsync(new Uri(commands[_random.Next(commands.Length)], e.PathAndQuery), null);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        return answer.Headers.GetValues("Tally-Position").Single();
    }

    private async Task<string> ReadAsync(long hour, string position)
    {
        var begun = Stopwatch.GetTimestamp();
        var inHeader = _random.Next(2) == 0;
        var path = string.Create(CultureInfo.InvariantCulture, $"/analytics?timestamp={hour * 3_600_000}&wait=10000{(inHeader ? "" : $"&after={position}")}");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Query(), path));
        if (inHeader) request.Headers.Add("Tally-Position", position);
        using var answer = await http.SendAsync(request);
        _waitedMs.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        var body = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode != HttpStatusCode.OK) _wrong.Add($"hour {hour} after {position}: {answer.StatusCode} {body}");
        return body;
    }

    private Uri Query() => queries[_random.Next(queries.Length)];
}
