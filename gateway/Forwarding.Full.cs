using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;
using Yarp.ReverseProxy.Transforms;

namespace Tally.Gateway;

/// <summary>With the full package set YARP forwards.</summary>
public static class Forwarding
{
    private static readonly TimeSpan LeftOutFor = TimeSpan.FromSeconds(2);

    /// <summary>An instance that breaks off or answers nothing is left out for a while, unless all do: its clients read at the others.</summary>
    private static readonly HealthCheckConfig Reads = new()
    {
        AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
        Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = HealthCheckConstants.PassivePolicy.TransportFailureRate, ReactivationPeriod = LeftOutFor },
    };

    public static void AddForwarding(this WebApplicationBuilder builder)
    {
        // At Information it writes the whole target of every request, users' names in it.
        builder.Logging.AddFilter("Yarp", LogLevel.Warning);
        // An instance is left out for at least as long as its failures are looked back at.
        builder.Services.Configure<TransportFailureRateHealthPolicyOptions>(options => options.DetectionWindowSize = LeftOutFor);
        builder.Services.AddReverseProxy().AddTransforms(transforms => transforms.AddRequestTransform(AsSentAsync));
        builder.Services.AddSingleton<ILoadBalancingPolicy, OneInstanceAClient>();
        builder.Services.AddSingleton<IForwarderHttpClientFactory, SendsOnce>();
        builder.Services.AddSingleton<IProxyConfigProvider>(services =>
        {
            var options = services.GetRequiredService<IOptions<GatewayOptions>>().Value;
            return new InMemoryConfigProvider(
                [Route("read", "query", 0, HttpMethods.Get, HttpMethods.Head), Route("write", "command", 1)],
                [Cluster("query", options.Query, options.Timeout, OneInstanceAClient.Policy, Reads), Cluster("command", options.Command, options.Timeout, LoadBalancingPolicies.RoundRobin)]);
        });
    }

    public static void MapForwarding(this WebApplication app) => app.MapReverseProxy(proxy =>
    {
        proxy.Use(ForwardAsync);
        proxy.UseLoadBalancing();
        proxy.UsePassiveHealthChecks();
    });

    /// <summary>A read whose instance does not answer is asked of the others; what goes wrong for good gets a body, which YARP's own answers lack.</summary>
    private static async Task ForwardAsync(HttpContext context, RequestDelegate next)
    {
        if (await RequestTarget.RefusesAsync(context)) return;
        var proxy = context.GetReverseProxyFeature();
        List<DestinationState> others = [.. proxy.AvailableDestinations];
        await next(context);
        while (Failed(context) && IsRead(context) && proxy.ProxiedDestination is { } failed && others.Remove(failed) && others.Count > 0)
        {
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear();
            // Whoever chooses leaves the chosen one alone here.
            proxy.AvailableDestinations = others;
            await next(context);
        }
        if (!Failed(context)) return;
        if (context.Response.StatusCode < StatusCodes.Status500InternalServerError)
            await ServerRefusals.AnswerAsync(context, new BadHttpRequestException("The request broke off.", context.Response.StatusCode));
        else
            await ServiceAway.AnswerAsync(context);
    }

    private static bool Failed(HttpContext context) =>
        context.GetForwarderErrorFeature() is not null && !context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested;

    private static bool IsRead(HttpContext context) =>
        (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) && context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true };

    /// <summary>The target as the client sent it: YARP's own would turn a broken escape (<c>%G1</c>) into a whole one, which the service takes for somebody's name.</summary>
    private static ValueTask AsSentAsync(RequestTransformContext request)
    {
        request.ProxyRequest.RequestUri = new Uri(request.DestinationPrefix.TrimEnd('/') + RequestTarget.Of(request.HttpContext), new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        return ValueTask.CompletedTask;
    }

    private static RouteConfig Route(string id, string cluster, int order, params string[] methods) => new()
    {
        RouteId = id,
        ClusterId = cluster,
        Order = order,
        Match = new RouteMatch { Path = "{**rest}", Methods = methods.Length == 0 ? null : methods },
    };

    private static ClusterConfig Cluster(string id, string[] addresses, TimeSpan timeout, string choice, HealthCheckConfig? health = null) => new()
    {
        ClusterId = id,
        LoadBalancingPolicy = choice,
        HealthCheck = health,
        // Kestrel reads headers as UTF-8; what it took is handed on as it came.
        HttpClient = new HttpClientConfig { RequestHeaderEncoding = "utf-8" },
        HttpRequest = new ForwarderRequestConfig { ActivityTimeout = timeout },
        Destinations = addresses.Index().ToDictionary(a => $"{id}-{a.Index}", a => new DestinationConfig { Address = a.Item }),
    };

    /// <summary>A request that may have had an effect goes out once: without any content the handler would send it again over a new connection when its own broke.</summary>
    private sealed class SendsOnce : ForwarderHttpClientFactory
    {
        protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) => new Handler(base.WrapHandler(context, handler));

        private sealed class Handler(HttpMessageHandler inner) : DelegatingHandler(inner)
        {
            protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
            {
                if (request.Content is null && request.Method != HttpMethod.Get && request.Method != HttpMethod.Head) request.Content = new ByteArrayContent([]);
                return base.SendAsync(request, cancellationToken);
            }
        }
    }

    /// <summary>A client reads at one instance while that is there, and the clients of an instance that is away at the next one: nobody else's place changes.</summary>
    private sealed class OneInstanceAClient : ILoadBalancingPolicy
    {
        public const string Policy = "OneInstanceAClient";

        public string Name => Policy;

        public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
        {
            var all = cluster.DestinationsState.AllDestinations;
            var first = ClientInstance.Of(context.Connection.RemoteIpAddress, Math.Max(1, all.Count));
            for (var n = 0; n < all.Count; n++)
                if (all[(first + n) % all.Count] is var next && availableDestinations.Contains(next)) return next;
            return null;
        }
    }
}
