using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Deploy;

/// <summary>
/// gateway/nginx.conf in a real nginx before two stand-in services. Names become ports of this machine; asking Docker's name server again and
/// again (<c>resolve</c>) is left out, which Debian's older nginx does not know.
/// </summary>
public sealed partial class NginxTests : IAsyncDisposable
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));

    private readonly ConcurrentQueue<(string Service, string Method, string Target)> _seen = new();
    private readonly Dictionary<string, int> _ports = new() { ["door"] = FreePort.Next(), ["to-command"] = FreePort.Next(), ["to-query"] = FreePort.Next() };
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly TaskCompletionSource _release = new();
    private DirectoryInfo _folder = null!;
    private WebApplication? _command;
    private readonly List<WebApplication> _query = [];
    private ServiceProcess? _nginx;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var nginx = Environment.GetEnvironmentVariable("PATH")!.Split(':').Append("/usr/sbin").Select(d => Path.Combine(d, "nginx")).FirstOrDefault(File.Exists);
        if (nginx is null) Assert.Ignore("nginx is not installed (Debian, Ubuntu: apt-get install nginx-light).");
        _folder = Directory.CreateTempSubdirectory("tally-nginx-");
        (_command, var command) = await ServeAsync("command");
        var queries = new List<string>();
        foreach (var name in (string[])["query", "query 2", "query 3"])
        {
            var (app, port) = await ServeAsync(name);
            _query.Add(app);
            queries.Add($"server 127.0.0.1:{port}");
        }
        var text = Resolver().Replace(await File.ReadAllTextAsync(Path.Combine(Root, "gateway", "nginx.conf")), "")
            .Replace("command-service:8081 resolve", $"127.0.0.1:{command}", StringComparison.Ordinal)
            .Replace("server query-service:8082 resolve", string.Join(" max_fails=0; ", queries), StringComparison.Ordinal)
            .Replace("listen 8080", $"listen 127.0.0.1:{_ports["door"]}", StringComparison.Ordinal)
            .Replace("listen 8081", $"listen 127.0.0.1:{_ports["to-command"]}", StringComparison.Ordinal)
            .Replace("listen 8082", $"listen 127.0.0.1:{_ports["to-query"]}", StringComparison.Ordinal)
            .Replace("/tmp/", _folder.FullName + "/", StringComparison.Ordinal);
        var file = Path.Combine(_folder.FullName, "nginx.conf");
        await File.WriteAllTextAsync(file, text);
        _nginx = new ServiceProcess("nginx", nginx!, ["-c", file, "-p", _folder.FullName, "-e", "stderr", "-g", "daemon off; master_process off;"]);
        _nginx.Start();
        await Eventually.HoldsAsync("nginx answers", async () =>
        {
            if (!_nginx.Running) Assert.Fail(_nginx.Log);
            try
            {
                return (await _http.GetStringAsync(At("door", "/health/live"))) == "Healthy\n";
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        _release.TrySetResult();
        if (_nginx is not null) await _nginx.DisposeAsync();
        if (_command is not null) await _command.DisposeAsync();
        foreach (var query in _query) await query.DisposeAsync();
        _http.Dispose();
        _folder?.Delete(recursive: true);
    }

    [TestCase("door", "GET", "query")]
    [TestCase("door", "HEAD", "query")]
    [TestCase("door", "POST", "command")]
    [TestCase("door", "DELETE", "command")]
    [TestCase("to-command", "GET", "command")]
    [TestCase("to-query", "POST", "query")]
    public async Task A_request_reaches_its_service_with_the_target_as_it_was_sent(string door, string method, string service)
    {
        var target = $"/a%2Fb/./c?user=a%20b+%C3%A9&{method}";

        await RawAsync(door, $"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

        Assert.That(_seen.Select(s => (s.Service.Split(' ')[0], s.Method, s.Target)), Has.Member((service, method, target)));
    }

    [TestCase("door")]
    [TestCase("to-query")]
    public async Task A_client_reads_at_one_instance_and_clients_at_all(string door)
    {
        var used = new HashSet<string>();
        for (var client = 2; client < 18; client++)
        {
            var target = $"/{door}/{client}";
            for (var n = 0; n < 4; n++)
            {
                // A connection of its own each time: it is the client that is kept, not the connection.
                using var http = ClientAt.Address($"127.0.0.{client}");
                using var answer = await http.GetAsync(At(door, target));
            }
            var instances = _seen.Where(s => s.Target == target).Select(s => s.Service).ToList();
            Assert.That((instances.Count, instances.Distinct().Count()), Is.EqualTo((4, 1)), $"{client}: {string.Join(", ", instances)}");
            used.Add(instances[0]);
        }
        Assert.That(used, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_read_whose_instance_breaks_off_goes_on_at_another_one()
    {
        using var http = ClientAt.Address("127.0.0.2");
        using var before = await http.GetAsync(At("door", "/own"));
        var own = _seen.Single(s => s.Target == "/own").Service;

        using var answer = await http.GetAsync(At("door", $"/break/{own.Replace(' ', '-')}"));

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(_seen.Where(s => s.Target.StartsWith("/break/", StringComparison.Ordinal)).Select(s => s.Service).Distinct().Count(), Is.EqualTo(2));
    }

    [TestCase("door")]
    [TestCase("to-command")]
    [TestCase("to-query")]
    public async Task Metrics_are_for_those_inside(string door)
    {
        using var answer = await _http.GetAsync(At(door, "/metrics"));

        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That(_seen.Select(s => s.Target), Has.None.EqualTo("/metrics"));
        });
    }

    [Test]
    public async Task A_service_that_is_away_is_a_503_with_a_reason_and_a_body_of_our_form()
    {
        using var answer = await _http.PostAsync(At("door", "/break?user=canary-7f3"), null);

        Assert.Multiple(async () =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(answer.Headers.RetryAfter?.ToString(), Is.EqualTo("1"));
            Assert.That(answer.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("urn:tally:problem:service-away"));
            Assert.That(_seen.Count(s => s.Target == "/break?user=canary-7f3"), Is.EqualTo(1), "a POST that may have been stored is not sent again");
            Assert.That(_nginx!.Log, Does.Not.Contain("canary-7f3"), "a raw user id in the log");
        });
    }

    [TestCase(HttpStatusCode.GatewayTimeout)]
    [TestCase(HttpStatusCode.ServiceUnavailable)]
    [TestCase(HttpStatusCode.BadRequest)]
    public async Task What_a_service_answers_is_handed_on_as_it_is(HttpStatusCode status)
    {
        using var answer = await _http.GetAsync(At("door", $"/status/{(int)status}"));

        Assert.That((answer.StatusCode, await answer.Content.ReadAsStringAsync()), Is.EqualTo((status, "its own words")));
    }

    [Test]
    public async Task A_stream_comes_through_while_it_is_written()
    {
        using var answer = await _http.GetAsync(At("door", "/stream"), HttpCompletionOption.ResponseHeadersRead);
        await using var body = await answer.Content.ReadAsStreamAsync();
        var first = new byte[7];
        await body.ReadExactlyAsync(first).AsTask().WaitAsync(Eventually.Patience);
        _release.SetResult();
        using var rest = new StreamReader(body);

        Assert.That(System.Text.Encoding.ASCII.GetString(first) + await rest.ReadToEndAsync(), Is.EqualTo("first, second"));
    }

    [Test]
    public async Task A_large_batch_is_not_refused_at_the_door()
    {
        using var answer = await _http.PostAsync(At("door", "/large"), new ByteArrayContent(new byte[33 << 20]));

        Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo((33 << 20).ToString(CultureInfo.InvariantCulture)));
    }

    private async Task<(WebApplication App, int Port)> ServeAsync(string service)
    {
        var port = FreePort.Next();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        var app = builder.Build();
        app.Run(context => AnswerAsync(service, context));
        await app.StartAsync();
        return (app, port);
    }

    private async Task AnswerAsync(string service, HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        _seen.Enqueue((service, context.Request.Method, target));
        if (target.StartsWith("/break?", StringComparison.Ordinal) || target == $"/break/{service.Replace(' ', '-')}")
        {
            context.Abort();
        }
        else if (target.StartsWith("/status/", StringComparison.Ordinal))
        {
            context.Response.StatusCode = int.Parse(target.AsSpan(8), CultureInfo.InvariantCulture);
            await context.Response.WriteAsync("its own words");
        }
        else if (target == "/stream")
        {
            await context.Response.WriteAsync("first, ");
            await context.Response.Body.FlushAsync();
            await _release.Task;
            await context.Response.WriteAsync("second");
        }
        else if (target == "/large")
        {
            var counted = 0L;
            var buffer = new byte[1 << 16];
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer)) > 0) counted += read;
            await context.Response.WriteAsync(counted.ToString(CultureInfo.InvariantCulture));
        }
    }

    private async Task RawAsync(string door, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _ports[door]);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        await reader.ReadToEndAsync();
    }

    private Uri At(string door, string path) => new($"http://127.0.0.1:{_ports[door]}{path}");

    [GeneratedRegex(@"^\s*(resolver|zone) .*;$", RegexOptions.Multiline)]
    private static partial Regex Resolver();
}
