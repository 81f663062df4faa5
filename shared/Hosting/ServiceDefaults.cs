using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tally.Shared.Observability;

namespace Tally.Shared.Hosting;

/// <summary>What every service has: logs, traces, health, limits, a clock.</summary>
public static class ServiceDefaults
{
    /// <summary>The longest a service may take from SIGTERM to its end.</summary>
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan BodyGrace = TimeSpan.FromSeconds(5);

    /// <param name="builder">The service's builder.</param>
    /// <param name="service">Name in logs and traces, such as <c>command-service</c>.</param>
    /// <param name="defaultPort">Port when <c>Http:Port</c> is not set.</param>
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder, string service, int defaultPort)
    {
        // A service started from anywhere finds the settings that lie beside its program.
        builder.Configuration.Sources.Insert(0, new Microsoft.Extensions.Configuration.Json.JsonConfigurationSource
        {
            Path = "appsettings.json",
            Optional = true,
            FileProvider = new Microsoft.Extensions.FileProviders.PhysicalFileProvider(AppContext.BaseDirectory),
        });
        builder.Services.AddValidatedOptions<HttpOptions>(HttpOptions.Section);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddProblemDetails();
        builder.Services.AddHealthChecks();
        builder.Services.Configure<HostOptions>(options =>
        {
            options.ShutdownTimeout = ShutdownTimeout;
            options.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        AddLogs(builder);
        builder.AddTelemetry(service);
        Listen(builder, defaultPort);
        return builder;
    }

    private static void AddLogs(WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Logging.Configure(options =>
            options.ActivityTrackingOptions = ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        builder.Logging.AddJsonConsole(options =>
        {
            options.IncludeScopes = true;
            options.UseUtcTimestamp = true;
            options.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        });
        // One line per state change, none per request.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // As long as this category logs at all, every request gets an Activity and a log scope, traced or not. Kestrel logs unhandled exceptions too.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
    }

    private static void Listen(WebApplicationBuilder builder, int defaultPort)
    {
        var http = new HttpOptions { Port = defaultPort };
        builder.Configuration.GetSection(HttpOptions.Section).Bind(http);
        if (!IPAddress.TryParse(http.Bind, out var address))
            throw new ConfigurationException($"Http:Bind is '{http.Bind}': set it to an IP address such as 127.0.0.1 or 0.0.0.0.");
        // Kestrel is told before options are checked; the ranges in HttpOptions are the same.
        if (http.Port is < 0 or > 65535) throw new ConfigurationException("Http:Port must be from 0 to 65535.");
        if (http.MinBodyBytesPerSecond < 1) throw new ConfigurationException("Http:MinBodyBytesPerSecond must be from 1 to 1073741824.");
        ServerRefusals.Add(builder.Services);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = http.MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = http.MaxConnections;
            // ServerRefusals tells these three.
            kestrel.Limits.MaxRequestLineSize = 8 * 1024;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 100;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(http.MinBodyBytesPerSecond, BodyGrace);
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Listen(address, http.Port, ServerRefusals.Follow);
        });
    }
}
