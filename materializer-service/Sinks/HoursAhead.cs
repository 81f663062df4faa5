using Tally.Shared.Contracts;

namespace Tally.MaterializerService.Sinks;

/// <summary>Refuses hours that a Redis born, or emptied, after their first events would take for complete.</summary>
/// <param name="most">How far ahead of now an hour may begin.</param>
public sealed class HoursAhead(TimeSpan most, TimeProvider clock)
{
    /// <summary>How much this clock may be behind command-service's.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    public string? Refusal(HourPartial partial)
    {
        var ahead = DateTimeOffset.FromUnixTimeMilliseconds(Hours.StartMs(partial.Hour)) - clock.GetUtcNow();
        return ahead <= most + ClockSkew
            ? null
            : $"There are events of the hour {Hours.Name(partial.Hour)}, further ahead of now than Redis:FutureTolerance ({most}): set it, for "
                + "materializer-service and query-service, to the Ingest:FutureTolerance of command-service or more, or correct this machine's clock.";
    }
}
