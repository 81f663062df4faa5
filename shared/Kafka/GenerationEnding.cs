using System.Globalization;

namespace Tally.Shared.Kafka;

/// <summary>What names of a rebuilt generation have behind them (topics, groups, transactional ids): nothing for the first, then <c>.g2</c> and so on.</summary>
public static class GenerationEnding
{
    /// <param name="generation">At least 1.</param>
    public static string Of(int generation) => generation == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $".g{generation}");
}
