using System.Net;
using System.Text;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>command-service's OpenAPI document says what the service does, and all of it.</summary>
public sealed class ApiDocumentTests : CommandFixture
{
    private ServedApi _api = null!;

    [Test]
    public async Task Every_answer_is_as_it_says_and_every_answer_it_names_occurs()
    {
        await Broker.CreateTopicAsync("flows", Partitions);
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, ("Batch:MaxItems", "2"));
        await app.ReadyAsync();
        _api = await ServedApi.ReadAsync(app.Http);
        Assert.That(_api.Paths, Is.EquivalentTo(ServedApi.Calls(app.Routes)));

        foreach (var kind in (string[])["click", "impression", "event"])
        {
            using var request = _api.Example("POST", "/analytics", with: kind);
            await CheckAsync(app, "/analytics", request, HttpStatusCode.NoContent);
        }
        foreach (var type in (string[])["application/x-ndjson", "application/json"])
        {
            using var request = _api.Example("POST", "/analytics/batch", mediaType: type);
            await CheckAsync(app, "/analytics/batch", request, HttpStatusCode.OK);
        }
        foreach (var key in (string?[])[null, "Idempotency-Key"])
        {
            using var request = _api.Example("POST", "/flows", key, "application/json");
            await CheckAsync(app, "/flows", request, HttpStatusCode.NoContent);
        }
        await PostAsync(app, "/flows", "[{}]", "application/json", HttpStatusCode.BadRequest);
        await PostAsync(app, "/flows", new string(' ', 9 << 20), "application/json", HttpStatusCode.RequestEntityTooLarge);
        using (var request = _api.Example("POST", "/flows", mediaType: "application/json"))
        {
            request.Content!.Headers.ContentEncoding.Add("gzip");
            await CheckAsync(app, "/flows", request, HttpStatusCode.UnsupportedMediaType);
        }
        await PostAsync(app, "/analytics", "", null, HttpStatusCode.BadRequest);
        await PostAsync(app, "/analytics", new string('x', 70_000), "text/plain", HttpStatusCode.RequestEntityTooLarge);
        await PostAsync(app, "/analytics/batch", "[", "application/json", HttpStatusCode.BadRequest);
        await PostAsync(app, "/analytics/batch", "{}\n{}\n{}\n", "application/x-ndjson", HttpStatusCode.RequestEntityTooLarge);
        await PostAsync(app, "/analytics/batch", "{}", "text/plain", HttpStatusCode.UnsupportedMediaType);
        await GetAsync(app, "/health/live", HttpStatusCode.OK);
        await GetAsync(app, "/health/ready", HttpStatusCode.OK);

        await using var alone = await CommandApp.StartAsync($"127.0.0.1:{FreePort.Next()}");
        using (var request = _api.Example("POST", "/analytics", with: "click")) await CheckAsync(alone, "/analytics", request, HttpStatusCode.ServiceUnavailable);
        using (var request = _api.Example("POST", "/analytics/batch", mediaType: "application/json")) await CheckAsync(alone, "/analytics/batch", request, HttpStatusCode.ServiceUnavailable);
        using (var request = _api.Example("POST", "/flows", mediaType: "application/json")) await CheckAsync(alone, "/flows", request, HttpStatusCode.ServiceUnavailable);
        await GetAsync(alone, "/health/ready", HttpStatusCode.ServiceUnavailable);
        await using var limited = await CommandApp.StartAsync(Broker.BootstrapServers, ("Overload:ClientRate", "1"), ("Overload:ClientBurst", "1"));
        await PostAsync(limited, "/analytics", "", null, HttpStatusCode.BadRequest);
        await PostAsync(limited, "/analytics", "", null, HttpStatusCode.TooManyRequests);
        await PostAsync(limited, "/flows", "[]", "application/json", HttpStatusCode.TooManyRequests);
        Assert.That(_api.Unseen, Is.Empty);
    }

    private async Task PostAsync(CommandApp app, string path, string body, string? type, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        // A body that is refused by its length must not be on its way already.
        request.Headers.ExpectContinue = true;
        if (type is not null) request.Content = new StringContent(body, Encoding.UTF8, type);
        await CheckAsync(app, path, request, expected);
    }

    private async Task GetAsync(CommandApp app, string path, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        await CheckAsync(app, path, request, expected);
    }

    private async Task CheckAsync(CommandApp app, string path, HttpRequestMessage request, HttpStatusCode expected)
    {
        using var answer = await app.Http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(expected), path);
        await _api.CheckAsync(path, answer);
    }
}
