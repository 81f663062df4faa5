using System.Globalization;

namespace Tally.LocalBroker.Storage;

/// <summary>A topic's settings as its partitions use them. Text in, values out; unknown or unusable settings are refused where topics are made.</summary>
internal sealed record LogConfig
{
    public bool Compact { get; init; }

    public bool Delete { get; init; } = true;

    public long RetentionMs { get; init; } = 7L * 24 * 3600 * 1000;

    public long RetentionBytes { get; init; } = -1;

    public int SegmentBytes { get; init; } = 64 * 1024 * 1024;

    public long SegmentMs { get; init; } = 7L * 24 * 3600 * 1000;

    public int MessageBytesMax { get; init; } = 1_048_588;

    public bool AppendTime { get; init; }

    public long TimestampBeforeMaxMs { get; init; } = long.MaxValue;

    public long TimestampAfterMaxMs { get; init; } = 3_600_000;

    public long DeleteRetentionMs { get; init; } = 24L * 3600 * 1000;

    public double MinCleanableRatio { get; init; } = 0.5;

    public long MinCompactionLagMs { get; init; }

    /// <summary>Every setting with its default, in the order in which it is described.</summary>
    public static IReadOnlyList<(string Key, string Default)> Known { get; } =
    [
        ("cleanup.policy", "delete"), ("compression.type", "producer"), ("delete.retention.ms", "86400000"), ("file.delete.delay.ms", "60000"),
        ("flush.messages", "9223372036854775807"), ("flush.ms", "9223372036854775807"), ("index.interval.bytes", "4096"),
        ("max.compaction.lag.ms", "9223372036854775807"), ("max.message.bytes", "1048588"), ("message.timestamp.after.max.ms", "3600000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"), ("message.timestamp.type", "CreateTime"), ("min.cleanable.dirty.ratio", "0.5"),
        ("min.compaction.lag.ms", "0"), ("min.insync.replicas", "1"), ("preallocate", "false"), ("retention.bytes", "-1"), ("retention.ms", "604800000"),
        ("segment.bytes", "67108864"), ("segment.index.bytes", "10485760"), ("segment.jitter.ms", "0"), ("segment.ms", "604800000"),
        ("unclean.leader.election.enable", "false"),
    ];

    /// <summary>Reads settings over the defaults; null and a sentence when one cannot be used.</summary>
    public static LogConfig? TryParse(IReadOnlyDictionary<string, string> settings, out string? problem)
    {
        problem = null;
        var config = new LogConfig();
        foreach ((string key, string value) in settings)
        {
            LogConfig? next = config.With(key, value);
            if (next is null)
            {
                problem = $"Invalid value {value} for configuration {key}, or {key} is not known.";
                return null;
            }

            config = next;
        }

        return config;
    }

    private LogConfig? With(string key, string value) => key switch
    {
        "cleanup.policy" => WithPolicy(value),
        "retention.ms" => Long(value, -1) is { } v ? this with { RetentionMs = v } : null,
        "retention.bytes" => Long(value, -1) is { } v ? this with { RetentionBytes = v } : null,
        "segment.bytes" => Long(value, 14) is { } v and <= int.MaxValue ? this with { SegmentBytes = (int)v } : null,
        "segment.ms" => Long(value, 1) is { } v ? this with { SegmentMs = v } : null,
        "max.message.bytes" => Long(value, 0) is { } v and <= int.MaxValue ? this with { MessageBytesMax = (int)v } : null,
        "message.timestamp.type" => value is "CreateTime" or "LogAppendTime" ? this with { AppendTime = value == "LogAppendTime" } : null,
        "message.timestamp.before.max.ms" => Long(value, 0) is { } v ? this with { TimestampBeforeMaxMs = v } : null,
        "message.timestamp.after.max.ms" => Long(value, 0) is { } v ? this with { TimestampAfterMaxMs = v } : null,
        "delete.retention.ms" => Long(value, 0) is { } v ? this with { DeleteRetentionMs = v } : null,
        "min.compaction.lag.ms" => Long(value, 0) is { } v ? this with { MinCompactionLagMs = v } : null,
        "min.cleanable.dirty.ratio" => Ratio(value) is { } v ? this with { MinCleanableRatio = v } : null,
        // The broker stores what producers send; asking for another codec must not be ignored.
        "compression.type" => value == "producer" ? this : null,
        // Replication and file details: accepted, described, without effect on one node.
        _ => Known.Any(k => k.Key == key) ? this : null,
    };

    private LogConfig? WithPolicy(string value)
    {
        string[] parts = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 && parts.All(p => p is "compact" or "delete")
            ? this with { Compact = parts.Contains("compact"), Delete = parts.Contains("delete") }
            : null;
    }

    private static long? Long(string value, long min) =>
        long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= min ? number : null;

    private static double? Ratio(string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number is >= 0 and <= 1 ? number : null;
}
