using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>Status, headers and bytes as they go over the wire.</summary>
public sealed class HttpTests
{
    private QueryServiceOverHttp _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _service = await QueryServiceOverHttp.StartAsync("--Query:CacheFor=00:00:00");

    [OneTimeTearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [SetUp]
    public void Hold() => _service.Hold(new HourCounts(1, 2, 3));

    [TestCase("/analytics?timestamp=123")]
    [TestCase("/analytics?timestamp=1763712000000")]
    [TestCase("/analytics/?timestamp=123")]
    public async Task An_hour_is_three_lines_of_text(string path)
    {
        using var answer = await _service.Http.GetAsync(path);

        Assert.Multiple(async () =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("text/plain; charset=utf-8"));
            Assert.That(answer.Headers.Contains("Tally-Stale"), Is.False);
            Assert.That(answer.Headers.Contains("Server"), Is.False);
            Assert.That(await answer.Content.ReadAsByteArrayAsync(), Is.EqualTo("unique_users,1\nclicks,2\nimpressions,3\n"u8.ToArray()));
        });
    }

    [Test]
    public async Task An_hour_without_events_is_zero()
    {
        _service.Hold(default);
        Assert.That(await _service.Http.GetStringAsync("/analytics?timestamp=7200000"), Is.EqualTo("unique_users,0\nclicks,0\nimpressions,0\n"));
    }

    [Test]
    public async Task Json_is_given_to_who_asks_for_it()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/analytics?timestamp=3600001");
        request.Headers.Accept.ParseAdd("application/json");
        using var answer = await _service.Http.SendAsync(request);
        var json = await answer.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Multiple(() =>
        {
            Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("application/json"));
            Assert.That(json.GetProperty("impressions").GetInt64(), Is.EqualTo(3));
            Assert.That(json.GetProperty("hour_start").GetInt64(), Is.EqualTo(3_600_000));
        });
    }

    [Test]
    public async Task Head_has_the_headers_alone()
    {
        using var answer = await _service.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/analytics?timestamp=123"));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(answer.Content.Headers.ContentLength, Is.EqualTo("unique_users,1\nclicks,2\nimpressions,3\n".Length));
    }

    [TestCaseSource(typeof(HourQueryTests), nameof(HourQueryTests.Refused))]
    public async Task A_wrong_query_is_refused_by_its_field(string query, string field)
    {
        if (query.Any(c => c > 127)) Assert.Pass("A client of HTTP cannot send it; HourQueryTests holds it.");
        var answer = await _service.RawAsync($"GET /analytics{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        var body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

        Assert.That(answer, Does.StartWith("HTTP/1.1 400 ").And.Contains("\r\nContent-Type: application/problem+json\r\n"));
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(problem.GetProperty("type").GetString(), Does.StartWith("urn:tally:problem:"));
            Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo(400));
            Assert.That(problem.GetProperty("errors").GetProperty(field)[0].GetString(), Is.Not.Empty);
            Assert.That(body, Does.Not.Contain("<script").And.Not.Contain("DROP"));
        });
    }

    [TestCase("POST")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    [TestCase("PATCH")]
    [TestCase("OPTIONS")]
    public async Task Another_method_is_405_and_names_those_there_are(string method)
    {
        foreach (var path in (string[])["/analytics?timestamp=1", "/accounting"])
        {
            var answer = await _service.RawAsync($"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            Assert.That(answer, Does.StartWith("HTTP/1.1 405 ").And.Contains("\r\nAllow: GET, HEAD\r\n").And.Contains("application/problem+json"));
        }
    }

    [TestCase("Content-Length: 3\r\n\r\nabc")]
    [TestCase("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")]
    public async Task A_body_where_none_belongs_is_refused(string rest)
    {
        var answer = await _service.RawAsync($"GET /analytics?timestamp=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rest}");
        Assert.That(answer, Does.StartWith("HTTP/1.1 400 ").And.Contains("\"field\":\"body\""));
    }

    [TestCase("GET /analytics?timestamp=1 HTTP/1.0\r\n\r\n", 200, TestName = "HTTP 1.0")]
    [TestCase("GET /analytics/%2e%2e/analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, TestName = "Dots resolved")]
    [TestCase("GET /analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\nConnection: close\r\n\r\n", 200, TestName = "Accept that cannot be met")]
    [TestCase("get /analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, TestName = "Method in lower case")]
    public async Task Odd_requests_get_a_plain_answer(string request, int status) =>
        Assert.That(await _service.RawAsync(request), Does.StartWith($"HTTP/1.1 {status} "));

    [TestCase("GET /analytics?timestamp=1 HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "Host", TestName = "No Host")]
    [TestCase("GET /analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400, "Host", TestName = "Two Hosts")]
    [TestCase("GET /analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", 400, "body", TestName = "Two lengths")]
    [TestCase("GET //analytics?timestamp=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "path", TestName = "Double slash")]
    [TestCase("GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "path", TestName = "Unknown path")]
    [TestCase("GET /analytics?timestamp=1 HTTP/3.7\r\nHost: a\r\n\r\n", 505, "version", TestName = "HTTP 3.7")]
    [TestCase("GET /analytics?timestamp=1 2 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request", TestName = "A space in the target")]
    public async Task Wrong_requests_are_refused_by_name(string request, int status, string field) =>
        AssertProblem(await _service.RawAsync(request), status, field);

    [Test]
    public async Task Too_many_headers_are_refused_by_name() =>
        AssertProblem(await _service.RawAsync($"GET /analytics?timestamp=1 HTTP/1.1\r\n{string.Concat(Enumerable.Range(0, 150).Select(n => $"X-{n}: 1\r\n"))}\r\n"), 431, "headers");

    [Test]
    public async Task A_query_string_of_a_megabyte_is_refused_by_name_and_the_service_goes_on()
    {
        AssertProblem(await _service.RawAsync($"GET /analytics?timestamp={new string('1', 1 << 20)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 414, "query");

        using var next = await _service.Http.GetAsync("/analytics?timestamp=1");
        Assert.That(next.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        const string Get = "GET /analytics?timestamp=1 HTTP/1.1\r\nHost: x\r\n\r\n";
        var answer = await _service.RawAsync(Get + Get + Get.Replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", StringComparison.Ordinal));
        Assert.That(answer.Split("HTTP/1.1 200 OK").Length - 1, Is.EqualTo(3));
    }

    [Test]
    public async Task An_old_answer_says_how_old_it_is()
    {
        var then = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() - 60_000;
        var progress = new SourceProgress(1, [new(1, 0, 1, then, 0)]);
        _service.Redis.Has(HourState.Complete, new HourCounts(1, 1, 0), progress);
        _service.Archive.Has(HourState.Absent, default, progress);
        using var answer = await _service.Http.GetAsync("/analytics?timestamp=36000000");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(long.Parse(answer.Headers.GetValues("Tally-Stale").Single(), System.Globalization.CultureInfo.InvariantCulture), Is.InRange(60_000, 80_000));
    }

    [Test]
    public async Task Nothing_left_to_ask_is_503_with_a_time_to_ask_again()
    {
        _service.Redis.IsAway();
        _service.Archive.IsAway();
        using var answer = await _service.Http.GetAsync("/analytics?timestamp=72000000");

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(answer.Headers.RetryAfter?.Delta, Is.EqualTo(TimeSpan.FromSeconds(1)));
        Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("application/problem+json"));
    }

    [Test]
    public async Task Accounting_is_json()
    {
        var json = await _service.Http.GetFromJsonAsync<JsonElement>("/accounting");
        Assert.That(json.GetProperty("jobs")[0].GetProperty("outcomes").GetProperty("read").GetInt64(), Is.Zero);
    }

    private static void AssertProblem(string answer, int status, string field)
    {
        Assert.That(answer, Does.StartWith($"HTTP/1.1 {status} ").And.Contains("\r\nContent-Type: application/problem+json\r\n"));
        var problem = JsonDocument.Parse(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]).RootElement;
        Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo(status));
        Assert.That(problem.GetProperty("field").GetString(), Is.EqualTo(field));
    }
}
