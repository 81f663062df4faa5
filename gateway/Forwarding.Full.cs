using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;

namespace Tally.Gateway;

/// <summary>With the full package set YARP forwards.</summary>
public static class Forwarding
{
    public static void AddForwarding(this WebApplicationBuilder builder)
    {
        builder.Services.AddReverseProxy().AddTransforms(transforms => transforms.AddRequestTransform(AsSentAsync));
        builder.Services.AddSingleton<IProxyConfigProvider>(services =>
        {
            var options = services.GetRequiredService<IOptions<GatewayOptions>>().Value;
            return new InMemoryConfigProvider(
                [Route("read", "query", 0, HttpMethods.Get, HttpMethods.Head), Route("write", "command", 1)],
                [Cluster("query", options.Query, options.Timeout), Cluster("command", options.Command, options.Timeout)]);
        });
    }

    public static void MapForwarding(this WebApplication app) => app.MapReverseProxy();

    /// <summary>The target as the client sent it: YARP's own would turn a broken escape (<c>%G1</c>) into a whole one, which the service takes for somebody's name.</summary>
    private static ValueTask AsSentAsync(RequestTransformContext request)
    {
        var target = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        request.ProxyRequest.RequestUri = new Uri(request.DestinationPrefix.TrimEnd('/') + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        return ValueTask.CompletedTask;
    }

    private static RouteConfig Route(string id, string cluster, int order, params string[] methods) => new()
    {
        RouteId = id,
        ClusterId = cluster,
        Order = order,
        Match = new RouteMatch { Path = "{**rest}", Methods = methods.Length == 0 ? null : methods },
    };

    private static ClusterConfig Cluster(string id, string[] addresses, TimeSpan timeout) => new()
    {
        ClusterId = id,
        // Kestrel reads headers as UTF-8; what it took is handed on as it came.
        HttpClient = new HttpClientConfig { RequestHeaderEncoding = "utf-8" },
        HttpRequest = new ForwarderRequestConfig { ActivityTimeout = timeout },
        Destinations = addresses.Index().ToDictionary(a => $"{id}-{a.Index}", a => new DestinationConfig { Address = a.Item }),
    };
}
