using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.QueryService.Positions;

/// <summary>What reads need that wait for an event.</summary>
public static class PositionRegistration
{
    /// <summary>Key of the flows' <see cref="IEventLog"/>; the events' has none.</summary>
    public const string Flows = "flows";

    public static WebApplicationBuilder AddPositions(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<PositionOptions>(PositionOptions.Section);
        services.AddSingleton<IPositionedSource<RememberedAnswer>, HourPositions>();
        services.AddSingleton<IValidateOptions<PositionOptions>, PositionOptionsCheck>();
        services.AddSingleton<WaitingReads>();
        services.AddSingleton<PositionWatch>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<PositionReader<RememberedAnswer>>(provider, provider.GetRequiredService<PositionWatch>()));
        return builder;
    }

    /// <summary>Kafka as the judge of which positions there are.</summary>
    public static WebApplicationBuilder AddEventLog(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddSingleton<KafkaEventLog>();
        services.TryAddSingleton<IEventLog>(provider => provider.GetRequiredService<KafkaEventLog>());
        services.TryAddKeyedSingleton<IEventLog>(Flows,
            (provider, _) => provider.GetRequiredService<KafkaEventLog>().Of(provider.GetRequiredService<IOptions<KafkaOptions>>().Value.Topics.Flows));
        services.AddHostedService(provider => provider.GetRequiredService<KafkaEventLog>());
        return builder;
    }
}
