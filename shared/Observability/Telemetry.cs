using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tally.Shared.Observability;

/// <summary>
/// Traces, metrics and logs by OTLP, on only when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> (or the one for a single signal) is set. All other
/// OTEL_* variables (protocol, sampler, service name) are read by the SDK itself.
/// </summary>
public static partial class Telemetry
{
    /// <summary>Activity sources and meters of all our services start with this.</summary>
    public const string Prefix = "Tally.";

    public static bool Enabled(string signal) =>
        Set("OTEL_EXPORTER_OTLP_ENDPOINT") || Set($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");

    public static void AddTelemetry(this WebApplicationBuilder builder, string service)
    {
        if (string.Equals(Environment.GetEnvironmentVariable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)) return;
        if (Enabled("LOGS"))
            builder.Logging.AddOpenTelemetry(logs =>
            {
                logs.IncludeScopes = true;
                logs.SetResourceBuilder(Resource(service));
                logs.AddOtlpExporter();
            });
        AddProviders(builder, service);
    }

    private static ResourceBuilder Resource(string service) =>
        ResourceBuilder.CreateDefault().AddService(service, serviceNamespace: "tally").AddEnvironmentVariableDetector();

    private static TracerProviderBuilder Configure(TracerProviderBuilder traces, string service) => traces
        .SetResourceBuilder(Resource(service))
        .AddSource(Prefix + "*", "Microsoft.AspNetCore")
        .AddProcessor(new QueryRedaction())
        .AddOtlpExporter();

    private static MeterProviderBuilder Configure(MeterProviderBuilder metrics, string service) => metrics
        .SetResourceBuilder(Resource(service))
        .AddMeter(Prefix + "*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
        .SetExemplarFilter(ExemplarFilterType.TraceBased)
        .AddOtlpExporter();

    private static bool Set(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));
}
