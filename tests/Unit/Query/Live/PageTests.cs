using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query.Live;

/// <summary>The page at <c>/</c>: what it may load and run.</summary>
public sealed partial class PageTests
{
    private QueryServiceOverHttp _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _service = await QueryServiceOverHttp.StartAsync();
        _service.Hold(new HourCounts(1234, 5678, 9012));
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public async Task It_loads_nothing_from_elsewhere_and_runs_only_its_own_script()
    {
        using var answer = await _service.Http.GetAsync("/");
        var html = await answer.Content.ReadAsStringAsync();
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Multiple(() =>
        {
            Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("text/html; charset=utf-8"));
            Assert.That(Elsewhere().Matches(html).Select(m => m.Value), Is.EqualTo(new[] { "http://www.w3.org/2000/svg" }));
            Assert.That(policy, Does.StartWith("default-src 'none';").And.Not.Contain("unsafe"));
            foreach (var element in (string[])["script", "style"])
            {
                var content = Regex.Match(html, $"<{element}>(.*?)</{element}>", RegexOptions.Singleline).Groups[1].Value;
                Assert.That(policy, Does.Contain($"{element}-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)))}'"));
            }
            Assert.That(html, Does.Not.Contain(" style=").And.Not.Contain(" onclick="), "the policy forbids them");
        });
    }

    [Test]
    public async Task It_is_not_sent_again_to_who_has_it()
    {
        using var first = await _service.Http.GetAsync("/");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var again = await _service.Http.SendAsync(request);
        Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
    }

    [GeneratedRegex(@"https?://[\w./]+")]
    private static partial Regex Elsewhere();
}
