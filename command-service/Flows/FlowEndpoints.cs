using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Flows;

/// <summary><c>POST /flows</c>.</summary>
public static class FlowEndpoints
{
    public static void MapFlows(this WebApplication app)
    {
        app.MapPost("/flows", app.Services.GetRequiredService<FlowIntake>().TakeAsync);
        app.MapFallback("/flows", context =>
        {
            context.Response.Headers.Allow = HttpMethods.Post;
            return FlowRefusals.MethodNotAllowed.WriteAsync(context);
        });
    }

    public static void AddFlows(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<FlowOptions>(FlowOptions.Section);
        services.AddSingleton<IValidateOptions<FlowOptions>, FlowOptionsCheck>();
        services.AddSingleton<FlowBudget>();
        services.AddSingleton(provider => new FlowTelemetry(provider.GetRequiredService<IMeterFactory>(), provider.GetRequiredService<FlowBudget>(),
            provider.GetRequiredService<IOptions<KafkaOptions>>().Value.Topics.Flows));
        services.AddSingleton<FlowIntake>();
    }

    private sealed class FlowOptionsCheck : IValidateOptions<FlowOptions>
    {
        public ValidateOptionsResult Validate(string? name, FlowOptions options) => options.MaxBytesInFlight >= options.MaxBodyBytes
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("Flows:MaxBytesInFlight must be at least Flows:MaxBodyBytes: otherwise the largest body is never taken.");
    }
}
