using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>An instance of a service behind the door: whatever it is asked, it answers its name.</summary>
internal sealed class NamedInstance : IAsyncDisposable
{
    private readonly string _name;
    private readonly int _port = FreePort.Next();
    private WebApplication? _app;

    private NamedInstance(string name) => _name = name;

    /// <summary>Of each request, as it came.</summary>
    public ConcurrentQueue<string> Targets { get; } = new();

    /// <summary>X-Forwarded-For of each request.</summary>
    public ConcurrentQueue<string> ForwardedFor { get; } = new();

    public Uri Address => new($"http://127.0.0.1:{_port}");

    public static async Task<NamedInstance> StartAsync(string name)
    {
        var instance = new NamedInstance(name);
        await instance.ReturnAsync();
        return instance;
    }

    public async Task GoAwayAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
        _app = null;
    }

    public async Task ReturnAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port));
        _app = builder.Build();
        _app.Run(context =>
        {
            Targets.Enqueue(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
            ForwardedFor.Enqueue($"{context.Request.Headers["X-Forwarded-For"]}");
            return context.Response.WriteAsync(_name);
        });
        await _app.StartAsync();
    }

    public async ValueTask DisposeAsync() => await GoAwayAsync();
}
