using Microsoft.Extensions.DependencyInjection.Extensions;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.QueryService.Positions;

/// <summary>What reads need that wait for an event.</summary>
public static class PositionRegistration
{
    public static WebApplicationBuilder AddPositions(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<PositionOptions>(PositionOptions.Section);
        services.AddSingleton<PositionWatch>();
        services.AddSingleton<PositionReader>();
        return builder;
    }

    /// <summary>Kafka as the judge of which positions there are.</summary>
    public static WebApplicationBuilder AddEventLog(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddSingleton<KafkaEventLog>();
        services.TryAddSingleton<IEventLog>(provider => provider.GetRequiredService<KafkaEventLog>());
        services.AddHostedService(provider => provider.GetRequiredService<KafkaEventLog>());
        return builder;
    }
}
