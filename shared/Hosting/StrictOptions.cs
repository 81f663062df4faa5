using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Hosting;

public static class StrictOptions
{
    /// <summary>Options bound strictly (a key nobody knows is refused by name), checked before the service starts.</summary>
    public static IServiceCollection AddValidatedOptions<T>(this IServiceCollection services, string section) where T : class
    {
        services.AddSingleton<IValidateOptions<T>>(provider => new UnitCheck<T>(provider.GetRequiredService<IConfiguration>().GetSection(section)));
        services.AddOptions<T>()
            .BindConfiguration(section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        return services;
    }

    /// <summary>.NET reads a time span of <c>5</c> as five days; who wrote it meant seconds, or milliseconds.</summary>
    private sealed class UnitCheck<T>(IConfiguration section) : IValidateOptions<T> where T : class
    {
        public ValidateOptionsResult Validate(string? name, T options)
        {
            var failures = typeof(T).GetProperties()
                .Where(p => p.PropertyType is var type && (type == typeof(TimeSpan) || type == typeof(TimeSpan?)) && long.TryParse(section[p.Name], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) && n != 0)
                .Select(p => $"{((IConfigurationSection)section).Path}:{p.Name} is '{section[p.Name]}', a number without a unit: write 00:00:05 for 5 seconds, 00:00:00.005 for 5 ms, 5.00:00:00 for 5 days.")
                .ToList();
            return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
        }
    }
}
