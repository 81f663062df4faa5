using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Tally.Shared.Hosting;

namespace Tally.Shared.Observability;

/// <summary>
/// Metrics at <c>/metrics</c> for Prometheus unless <c>OTEL_METRICS_EXPORTER</c> names others only. Traces, metrics and logs by OTLP, on only when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> or the one for a single signal
/// (<c>OTEL_EXPORTER_OTLP_TRACES_ENDPOINT</c>) is set. All other OTEL_* variables (protocol, sampler, service name) are read by the SDK itself.
/// </summary>
public static partial class Telemetry
{
    /// <summary>Activity sources and meters of all our services start with this.</summary>
    public const string Prefix = "Tally.";

    private const int CombinationsOfLibraries = 200;

    public static bool Enabled(string signal) =>
        Set("OTEL_EXPORTER_OTLP_ENDPOINT") || Set($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");

    public static void AddTelemetry(this WebApplicationBuilder builder, string service)
    {
        // ASP.NET would tag every request for the sampler to look at, and with the query string; ServerSpanTags does it for those that are sampled.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", true);
        if (string.Equals(Environment.GetEnvironmentVariable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)) return;
        if (Enabled("LOGS"))
            builder.Logging.AddOpenTelemetry(logs =>
            {
                logs.IncludeScopes = true;
                logs.SetResourceBuilder(Resource(service));
                logs.AddOtlpExporter(options => Direct(options, "LOGS"));
            });
        if (Enabled("TRACES")) builder.Services.AddSingleton<IStartupFilter, ServerSpanTags>();
        var prometheus = Prometheus ? new PrometheusExporter() : null;
        if (prometheus is not null) builder.Services.AddSingleton(prometheus);
        AddProviders(builder, service, prometheus);
    }

    /// <summary><c>/metrics</c>, where metrics are kept for it; to other machines only with <c>Http:PublicMetrics</c>.</summary>
    public static void MapPrometheus(this WebApplication app)
    {
        if (app.Services.GetService<PrometheusExporter>() is not { } exporter) return;
        var everybody = app.Services.GetRequiredService<IOptions<HttpOptions>>().Value.PublicMetrics;
        app.MapGet("/metrics", context =>
        {
            if (!everybody && !IsThisMachine(context.Connection.RemoteIpAddress))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            }
            var open = context.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.Ordinal);
            context.Response.ContentType = open ? PrometheusExporter.OpenMetricsType : PrometheusExporter.TextType;
            return context.Response.WriteAsync(exporter.Scrape(open), context.RequestAborted);
        });
    }

    /// <param name="client">Null for callers without an address, such as those over a Unix socket.</param>
    internal static bool IsThisMachine(IPAddress? client) => client is null || IPAddress.IsLoopback(client);

    private static bool Prometheus =>
        Environment.GetEnvironmentVariable("OTEL_METRICS_EXPORTER") is not { Length: > 0 } chosen || chosen.Contains("prometheus", StringComparison.Ordinal);

    private static ResourceBuilder Resource(string service) =>
        ResourceBuilder.CreateDefault().AddService(service, serviceNamespace: "tally").AddEnvironmentVariableDetector();

    private static TracerProviderBuilder Configure(TracerProviderBuilder traces, string service)
    {
        var sampler = TraceSampler.FromEnvironment();
        var options = new OtlpExporterOptions();
        Direct(options, "TRACES");
        // As AddOtlpExporter would make it; its own it gives to nobody.
        var batch = new BatchExportActivityProcessorOptions();
        var export = new BatchActivityExportProcessor(
            new OtlpTraceExporter(options), batch.MaxQueueSize, batch.ScheduledDelayMilliseconds, batch.ExporterTimeoutMilliseconds, batch.MaxExportBatchSize);
        return traces
            .SetResourceBuilder(Resource(service))
            .SetSampler(sampler)
            .AddSource(Prefix + "*")
            .AddProcessor(new ServerSpans(sampler, export))
            .AddProcessor(export);
    }

    private static MeterProviderBuilder Configure(MeterProviderBuilder metrics, string service, PrometheusExporter? prometheus)
    {
        metrics.SetResourceBuilder(Resource(service))
            .AddMeter(Prefix + "*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
            // Room for each combination of attributes is made beforehand, for 2,000 of them unless told: ours have partitions, those of the libraries a few dozen.
            .AddView(instrument => instrument.Meter.Name.StartsWith(Prefix, StringComparison.Ordinal) ? null : new MetricStreamConfiguration { CardinalityLimit = CombinationsOfLibraries })
            .SetExemplarFilter(ExemplarFilterType.TraceBased);
        if (prometheus is not null) metrics.AddReader(new BaseExportingMetricReader(prometheus));
        if (Enabled("METRICS")) metrics.AddOtlpExporter(options => Direct(options, "METRICS"));
        return metrics;
    }

    // The exporter reads the common endpoint only; one for a single signal is the whole address (OTLP exporter specification).
    private static void Direct(OtlpExporterOptions options, string signal)
    {
        if (Environment.GetEnvironmentVariable($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") is { Length: > 0 } endpoint) options.Endpoint = new Uri(endpoint);
    }

    private static bool Set(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));
}
