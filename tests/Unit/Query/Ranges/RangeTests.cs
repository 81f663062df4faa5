using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Tally.QueryService.Positions;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query.Ranges;

/// <summary>GET /analytics/range over a source of plain sets of users.</summary>
public sealed class RangeTests
{
    private const long Begin = 24 * 20_484;

    private QueryServiceOverHttp _service = null!;

    [SetUp]
    public async Task StartAsync() => _service = await QueryServiceOverHttp.StartAsync("--Range:PageRows=100", "--Range:PageSketches=5", "--Positions:Wait=00:00:00.2");

    [TearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public async Task Any_range_is_that_of_a_plain_recount([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var events = Enumerable.Range(0, random.Next(1, 400)).Select(_ => (Hour: Begin + random.Next(2_000), User: Hash(random.Next(100)), Click: random.Next(2) == 0)).ToList();
        foreach (var (hour, user, click) in events) _service.Ranges.Add(hour, user, click);
        var step = random.Next(2) == 0 ? 1 : 24;
        var from = (Begin + random.Next(1_000)) / step * step;
        var to = from + (step * (1 + random.Next(60)));

        var answer = await GetAsync(from, to, step == 1 ? "hour" : "day");

        var items = answer.GetProperty("series").EnumerateArray().ToList();
        Assert.That(items.Select(i => i.GetProperty("start").GetInt64()), Is.EqualTo(Enumerable.Range(0, (int)(to - from) / step).Select(i => Hours.StartMs(from + (i * step)))));
        foreach (var item in items.Append(answer.GetProperty("total")))
        {
            var start = item.TryGetProperty("start", out var at) ? Hours.Of(at.GetInt64()) : from;
            var those = events.Where(e => e.Hour >= start && e.Hour < (item.TryGetProperty("start", out _) ? start + step : to)).ToList();
            Assert.That(Numbers(item), Is.EqualTo((those.Select(e => e.User).Distinct().LongCount(), those.Count(e => e.Click), those.Count(e => !e.Click))), $"seed {seed}, {item}");
            var exact = those.GroupBy(e => e.User % FakeRanges.Partitions).All(p => p.Select(e => e.Hour).Distinct().Count() == 1);
            Assert.That((item.GetProperty("exact").GetBoolean(), item.GetProperty("standard_error").GetDouble() > 0), Is.EqualTo((exact, !exact)), $"seed {seed}, {item}");
        }
    }

    [Test]
    public async Task An_hour_without_events_is_zero_and_exact_also_in_the_future()
    {
        var answer = await GetAsync(70_000_000, 70_000_002, "hour");
        Assert.That(answer.GetRawText(), Is.EqualTo("""
            {"from":252000000000000,"to":252000007200000,"step":"hour","series":[{"start":252000000000000,"unique_users":0,"clicks":0,"impressions":0,"exact":true,"standard_error":0},{"start":252000003600000,"unique_users":0,"clicks":0,"impressions":0,"exact":true,"standard_error":0}],"total":{"unique_users":0,"clicks":0,"impressions":0,"exact":true,"standard_error":0}}
            """));
    }

    [Test]
    public async Task A_range_of_one_hour_is_exact_however_many_users_it_has()
    {
        for (var i = 0; i < 20_001; i++) _service.Ranges.Add(Begin, Hash(i), click: true);
        foreach (var step in (string[])["hour", "day"])
        {
            var total = (await GetAsync(Begin, Begin + (step == "hour" ? 1 : 24), step)).GetProperty("total");
            Assert.That((Numbers(total).Users, total.GetProperty("exact").GetBoolean()), Is.EqualTo((20_001, true)));
        }
    }

    [Test]
    public async Task Users_that_the_sketches_lack_are_told()
    {
        for (var i = 0; i < 90; i++)
            for (var hour = 0; hour < 3; hour++) _service.Ranges.Add(Begin + hour, Hash(i + (10 * hour)), click: true);
        _service.Ranges.Unsketched.Add(Begin + 2);
        var total = (await GetAsync(Begin, Begin + 3, "hour")).GetProperty("total");
        Assert.Multiple(() =>
        {
            Assert.That(total.GetProperty("pending_users").GetInt64(), Is.EqualTo(90));
            Assert.That(total.GetProperty("unique_users").GetInt64(), Is.EqualTo(100), "110, less those only in what is pending");
        });
        _service.Ranges.Unsketched.Clear();
        Assert.That((await GetAsync(Begin, Begin + 3, "hour")).GetProperty("total").GetProperty("pending_users").GetInt64(), Is.Zero);
    }

    [Test]
    public async Task Over_100_seeds_the_error_is_below_1_percent_and_not_above_what_is_stated()
    {
        const int hours = 5, each = 4_000;
        double squares = 0, stated = 0;
        for (var seed = 1; seed <= 100; seed++)
        {
            var begin = Begin + (seed * hours);
            var random = new Random(seed);
            var pool = Enumerable.Range(0, 12_000).Select(_ => new UInt128((ulong)random.NextInt64() << 1, (ulong)random.NextInt64())).ToArray();
            var users = new HashSet<UInt128>();
            for (var i = 0; i < hours * each; i++)
            {
                var user = pool[random.Next(pool.Length)];
                users.Add(user);
                _service.Ranges.Add(begin + (i % hours), user, click: true);
            }
            var total = (await GetAsync(begin, begin + hours, "hour")).GetProperty("total");
            squares += Math.Pow((total.GetProperty("unique_users").GetDouble() / users.Count) - 1, 2);
            stated += total.GetProperty("standard_error").GetDouble() / 100;
        }
        var rms = Math.Sqrt(squares / 100);
        await TestContext.Out.WriteLineAsync($"root mean square {rms:P3}, stated {stated:P3}, seeds 1 to 100");
        Assert.That(rms, Is.LessThanOrEqualTo(Math.Min(0.01, stated)));
    }

    [TestCase("?from=2&to=1&step=hour", "to")]
    [TestCase("?from=0&to=3153600000001&step=day", "to")]
    [TestCase("?from=0&to=1&step=week", "step")]
    public async Task Wrong_input_is_a_problem_that_names_the_field(string query, string field)
    {
        using var answer = await _service.Http.GetAsync("/analytics/range" + query);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/problem+json"));
        Assert.That(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("field").GetString(), Is.EqualTo(field));
    }

    [Test]
    public async Task An_archive_that_is_away_or_knows_nothing_of_a_partition_gives_503_and_no_zeros()
    {
        _service.Ranges.Step = _ => throw new IOException("nobody there");
        Assert.That(await StatusAsync(), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        _service.Ranges.Step = _ => _service.Ranges.Reads > 0 ? throw new IOException("gone since") : Task.CompletedTask;
        Assert.That(await StatusAsync(), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        _service.Ranges.Step = _ => Task.CompletedTask;
        _service.Ranges.Progress = () => new SourceProgress(2, [new PartitionProgress(1, 0, 1, NowMs, 0)]);
        Assert.That(await StatusAsync(), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
    }

    [Test]
    public async Task An_old_archive_is_marked()
    {
        _service.Ranges.Progress = () => new SourceProgress(1, [new PartitionProgress(1, 0, 1, NowMs - 60_000, 0)]);
        using var answer = await _service.Http.GetAsync(Target(Begin, Begin + 1, "hour"));
        Assert.That(long.Parse(answer.Headers.GetValues("Tally-Stale").Single(), CultureInfo.InvariantCulture), Is.InRange(60_000, 80_000));
        Assert.That(answer.Headers.CacheControl!.NoStore, Is.True);
    }

    [Test]
    public async Task A_range_that_breaks_off_in_the_middle_breaks_the_connection()
    {
        _service.Ranges.Step = _ => _service.Ranges.Reads > 3 ? throw new IOException("gone") : Task.CompletedTask;
        Assert.That(async () => await _service.Http.GetStringAsync(Target(Begin, Begin + 2_000, "hour")), Throws.InstanceOf<HttpRequestException>());
    }

    [Test]
    public async Task A_long_range_is_read_in_pages()
    {
        await GetAsync(Begin, Begin + 330, "hour");
        Assert.That(_service.Ranges.Reads, Is.EqualTo(10), "33 hours of 3 partitions a page");
    }

    [Test]
    public async Task A_position_is_waited_for_and_refused_or_marked_when_it_does_not_come()
    {
        var offset = 5L;
        _service.Ranges.Progress = () => new SourceProgress(1, [new PartitionProgress(1, 0, Interlocked.Read(ref offset), NowMs, 0)]);
        Assert.That(await StatusAsync("&after=0.4"), Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await StatusAsync("&after=0.5"), Is.EqualTo(HttpStatusCode.GatewayTimeout));
        using (var stale = await _service.Http.GetAsync(Target(Begin, Begin + 1, "hour") + "&after=0.5&on-timeout=stale"))
            Assert.That((stale.StatusCode, stale.Headers.Contains("Tally-Stale")), Is.EqualTo((HttpStatusCode.OK, true)));
        var waiting = StatusAsync("&after=0.5&wait=10000");
        Interlocked.Increment(ref offset);
        Assert.That(await waiting, Is.EqualTo(HttpStatusCode.OK));
        _service.Log.Answer = _ => Task.FromResult(PositionCheck.BeyondEnd);
        Assert.That(await StatusAsync("&after=0.6&wait=10000"), Is.EqualTo(HttpStatusCode.BadRequest));
    }

    private static long NowMs => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private async Task<HttpStatusCode> StatusAsync(string more = "")
    {
        using var answer = await _service.Http.GetAsync(Target(Begin, Begin + 1, "hour") + more);
        return answer.StatusCode;
    }

    private async Task<JsonElement> GetAsync(long from, long to, string step) =>
        JsonDocument.Parse(await _service.Http.GetStringAsync(Target(from, to, step))).RootElement;

    private static string Target(long from, long to, string step) =>
        string.Create(CultureInfo.InvariantCulture, $"/analytics/range?from={Hours.StartMs(from)}&to={Hours.StartMs(to)}&step={step}");

    private static (long Users, long Clicks, long Impressions) Numbers(JsonElement item) =>
        (item.GetProperty("unique_users").GetInt64(), item.GetProperty("clicks").GetInt64(), item.GetProperty("impressions").GetInt64());

    /// <summary>As good as the keyed hash of a user is.</summary>
    private static UInt128 Hash(int user) => BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(BitConverter.GetBytes(user)));
}
