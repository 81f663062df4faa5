using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;

namespace Tally.Shared.ReadModel;

public static class ReadModelRegistration
{
    /// <summary>
    /// Redis as <see cref="RedisHourView"/>, <see cref="RedisHourStore"/> and <see cref="IHourRefill"/> (which needs
    /// <c>AddArchive()</c>). Reading is also one of the <see cref="IHourSource"/>s and <see cref="IProgressRecordSource"/>s, told apart by their names.
    /// </summary>
    public static IServiceCollection AddRedisView(this IServiceCollection services)
    {
        services.AddValidatedOptions<RedisOptions>(RedisOptions.Section);
        services.AddSingleton<IValidateOptions<RedisOptions>, RedisOptionsCheck>();
        services.TryAddSingleton<RedisConnection>();
        services.TryAddSingleton<RedisHourView>();
        services.TryAddSingleton<RedisHourStore>();
        services.TryAddSingleton<IHourRefill, RedisHourRefill>();
        services.AddSingleton<IHourSource>(provider => provider.GetRequiredService<RedisHourView>());
        services.AddSingleton<IProgressRecordSource>(provider => provider.GetRequiredService<RedisHourView>());
        return services;
    }
}
