using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Tally.Gateway;

/// <summary>With the full package set YARP forwards.</summary>
public static class Forwarding
{
    public static void AddForwarding(this WebApplicationBuilder builder)
    {
        builder.Services.AddReverseProxy();
        builder.Services.AddSingleton<IProxyConfigProvider>(services =>
        {
            var options = services.GetRequiredService<IOptions<GatewayOptions>>().Value;
            return new InMemoryConfigProvider(
                [Route("read", "query", 0, HttpMethods.Get, HttpMethods.Head), Route("write", "command", 1)],
                [Cluster("query", options.Query, options.Timeout), Cluster("command", options.Command, options.Timeout)]);
        });
    }

    public static void MapForwarding(this WebApplication app) => app.MapReverseProxy();

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
