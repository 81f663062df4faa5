namespace Tally.MaterializerService.Sinks;

/// <summary>Where a sink stands, for health checks and gauges. Written by the sink's thread, read by any.</summary>
public sealed class SinkStatus(string name, TimeProvider clock)
{
    private volatile IReadOnlyList<int>? _partitions;
    private volatile string? _trouble;
    private volatile bool _kafkaAnswers = true;
    private long _asOfMs;

    public string Name => name;

    /// <summary>Partitions of this instance; null before the group was joined.</summary>
    public IReadOnlyList<int>? Partitions
    {
        get => _partitions;
        set => _partitions = value;
    }

    /// <summary>Why nothing is written at the moment; null when all is well.</summary>
    public string? Trouble
    {
        get => _trouble;
        set => _trouble = value;
    }

    /// <summary>False while Kafka does not answer.</summary>
    public bool KafkaAnswers
    {
        get => _kafkaAnswers;
        set => _kafkaAnswers = value;
    }

    /// <summary>Least as-of of this instance's partitions as last written, Unix time in ms; 0 while one is unknown or there are none.</summary>
    public long AsOfMs
    {
        get => Interlocked.Read(ref _asOfMs);
        set => Interlocked.Exchange(ref _asOfMs, value);
    }

    /// <summary>Age of the oldest event that may not be visible yet; null while unknown.</summary>
    public TimeSpan? Age => AsOfMs == 0 ? null : clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(AsOfMs);
}
