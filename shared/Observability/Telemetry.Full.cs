using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Tally.Shared.Observability;

/// <summary>With OpenTelemetry.Extensions.Hosting the host owns the providers.</summary>
public static partial class Telemetry
{
    private static void AddProviders(WebApplicationBuilder builder, string service, PrometheusExporter? prometheus)
    {
        var telemetry = builder.Services.AddOpenTelemetry();
        if (Enabled("TRACES")) telemetry.WithTracing(traces => Configure(traces, service));
        if (Enabled("METRICS") || prometheus is not null) telemetry.WithMetrics(metrics => Configure(metrics, service, prometheus));
    }
}
