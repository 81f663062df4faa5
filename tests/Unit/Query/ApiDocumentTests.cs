using System.Net;
using Tally.QueryService.Positions;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>query-service's OpenAPI document says what the service does, and all of it.</summary>
public sealed class ApiDocumentTests
{
    private QueryServiceOverHttp _service = null!;
    private ServedApi _api = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _service = await QueryServiceOverHttp.StartAsync("--Query:CacheFor=00:00:00", "--Live:MaxListeners=1");
        _service.Hold(new HourCounts(1, 2, 3));
        _api = await ServedApi.ReadAsync(_service.Http);
    }

    [TearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public void It_has_every_route_and_no_other() => Assert.That(_api.Paths, Is.EquivalentTo(ServedApi.Calls(_service.Routes)));

    [Test]
    public async Task Its_examples_work()
    {
        await _service.HoldFlowAsync();
        foreach (var path in (string[])["/analytics", "/analytics/range", "/flows"])
        {
            foreach (var with in _api.Optional("GET", path).Prepend(null))
            {
                using var request = _api.Example("GET", path, with);
                using var answer = await _service.Http.SendAsync(request);
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), with ?? "only what is required");
                await _api.CheckAsync(path, answer);
            }
        }
    }

    [Test]
    public async Task Every_answer_is_as_it_says_and_every_answer_it_names_occurs()
    {
        await CheckAsync("/analytics", "/analytics?timestamp=1");
        await CheckAsync("/analytics", "/analytics?timestamp=1", ("Accept", "application/json"));
        await CheckAsync("/analytics", "/analytics?timestamp=1", ("If-None-Match", "*"));
        await CheckAsync("/analytics", "/analytics?timestamp=x");
        await CheckAsync("/analytics", "/analytics?timestamp=1&after=0.99&wait=20");
        await CheckAsync("/analytics/range", "/analytics/range?from=0&to=7200000&step=hour");
        await CheckAsync("/analytics/range", "/analytics/range?from=0&to=7200000");
        await CheckAsync("/analytics/range", "/analytics/range?from=0&to=7200000&step=day&after=0.99&wait=20");
        _service.Ranges.Step = _ => throw new IOException("nobody there");
        await CheckAsync("/analytics/range", "/analytics/range?from=0&to=7200000&step=hour");
        _service.Log.Answer = _ => Task.FromResult(PositionCheck.BeyondEnd);
        await CheckAsync("/analytics", "/analytics?timestamp=1&after=0.99");
        await CheckAsync("/analytics/live", "/analytics/live?x");
        using (var listener = await _service.Http.GetAsync("/analytics/live", HttpCompletionOption.ResponseHeadersRead))
        {
            await _api.CheckAsync("/analytics/live", listener, endless: true);
            await CheckAsync("/analytics/live", "/analytics/live");
        }
        await CheckAsync("/flows", "/flows?hour=1");
        await CheckAsync("/flows", "/flows?hour=x");
        await _service.HoldFlowAsync();
        await CheckAsync("/flows", "/flows?hour=1");
        await CheckAsync("/flows", "/flows?hour=1&after=0.99&wait=20");
        await CheckAsync("/frames", "/frames?window=day");
        await CheckAsync("/frames", "/frames?window=hour");
        await CheckAsync("/frames/stats", "/frames/stats");
        await CheckAsync("/accounting", "/accounting");
        await CheckAsync("/", "/");
        await CheckAsync("/", "/", ("If-None-Match", "*"));
        await CheckAsync("/health/live", "/health/live");
        await CheckAsync("/health/ready", "/health/ready");

        await using var alone = await QueryServiceOverHttp.StartAsync(withoutRecords: true);
        foreach (var target in (string[])["/analytics?timestamp=1", "/frames?window=day", "/frames/stats", "/accounting", "/health/ready"])
        {
            using var answer = await alone.Http.GetAsync(target);
            await _api.CheckAsync(target.Split('?')[0], answer);
        }
        await using var limited = await QueryServiceOverHttp.StartAsync("--Overload:ClientRate=1", "--Overload:ClientBurst=1");
        for (var i = 0; i < 2; i++)
        {
            using var answer = await limited.Http.GetAsync("/analytics?timestamp=x");
            await _api.CheckAsync("/analytics", answer);
        }
        Assert.That(_api.Unseen, Is.Empty);
    }

    [Test]
    public async Task The_page_to_try_it_loads_nothing_from_elsewhere()
    {
        using var answer = await _service.Http.GetAsync("/docs");
        Assert.That(answer.Headers.GetValues("Content-Security-Policy").Single(), Does.StartWith("default-src 'none'; script-src 'sha256-").And.Not.Contain("unsafe"));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Not.Contain("http://").And.Not.Contain("https://").And.Not.Contain(" style="));
    }

    private async Task CheckAsync(string path, string target, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await _service.Http.SendAsync(request);
        await _api.CheckAsync(path, answer);
    }
}
