using System.Globalization;
using OpenTelemetry.Trace;
using Tally.Shared.Hosting;

namespace Tally.Shared.Observability;

/// <summary>
/// The sampler that <c>OTEL_TRACES_SAMPLER</c> and <c>OTEL_TRACES_SAMPLER_ARG</c> name (OpenTelemetry's environment variable specification). The SDK reads them too, but keeps the
/// sampler to itself, and <see cref="ServerSpans"/> has to decide as the SDK does.
/// </summary>
public static class TraceSampler
{
    private const string Name = "OTEL_TRACES_SAMPLER";
    private const string Argument = "OTEL_TRACES_SAMPLER_ARG";

    /// <exception cref="ConfigurationException">One of them is wrong.</exception>
    public static Sampler FromEnvironment() => Of(Environment.GetEnvironmentVariable(Name), Environment.GetEnvironmentVariable(Argument));

    /// <param name="name">Null or empty: sampled as the parent is, and without parent always.</param>
    /// <param name="argument">Ratio from 0 to 1 for the samplers that take one, 1 unless given.</param>
    /// <exception cref="ConfigurationException">One of them is wrong.</exception>
    public static Sampler Of(string? name, string? argument) => name?.ToLowerInvariant() switch
    {
        "always_on" => new AlwaysOnSampler(),
        "always_off" => new AlwaysOffSampler(),
        "traceidratio" => Ratio(argument),
        null or "" or "parentbased_always_on" => new ParentBasedSampler(new AlwaysOnSampler()),
        "parentbased_always_off" => new ParentBasedSampler(new AlwaysOffSampler()),
        "parentbased_traceidratio" => new ParentBasedSampler(Ratio(argument)),
        _ => throw new ConfigurationException($"{Name} is '{name}': it must be always_on, always_off, traceidratio or one of these after parentbased_."),
    };

    private static TraceIdRatioBasedSampler Ratio(string? argument)
    {
        if (string.IsNullOrEmpty(argument)) return new(1);
        if (!double.TryParse(argument, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) || ratio is not (>= 0 and <= 1))
            throw new ConfigurationException($"{Argument} is '{argument}': it must be a number from 0 to 1.");
        return new(ratio);
    }
}
