using System.Globalization;

namespace Tally.Tests.Unit.LocalBroker.Fuzz;

/// <summary>`make fuzz SEED=1 COUNT=1000000`; without them a short run with a seed of its own, which is printed.</summary>
internal static class FuzzSettings
{
    public static int Seed { get; } = Setting("SEED") ?? Environment.TickCount;

    /// <summary>How many requests are decoded; of record batches, which take longer, a tenth.</summary>
    public static int Count { get; } = Setting("COUNT") ?? 50_000;

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out int value) ? value : null;
}
