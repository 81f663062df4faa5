using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Tally.Shared.Observability;

/// <summary>Without OpenTelemetry.Extensions.Hosting a small hosted service owns the providers: made at start, flushed at the end.</summary>
public static partial class Telemetry
{
    private static void AddProviders(WebApplicationBuilder builder, string service, PrometheusExporter? prometheus)
    {
        if (Enabled("TRACES") || Enabled("METRICS") || prometheus is not null) builder.Services.AddSingleton<IHostedService>(new Providers(service, prometheus));
    }

    private sealed class Providers(string service, PrometheusExporter? prometheus) : IHostedService, IDisposable
    {
        private readonly TracerProvider? _traces = Enabled("TRACES") ? Configure(Sdk.CreateTracerProviderBuilder(), service).Build() : null;
        private readonly MeterProvider? _metrics =
            Enabled("METRICS") || prometheus is not null ? Configure(Sdk.CreateMeterProviderBuilder(), service, prometheus).Build() : null;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
            _traces?.Dispose();
            _metrics?.Dispose();
        }
    }
}
