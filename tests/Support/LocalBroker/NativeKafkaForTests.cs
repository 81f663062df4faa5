using Tally.Shared.Kafka;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>Whether the Kafka client has a native library here; tests that need one are skipped without.</summary>
public static class NativeKafkaForTests
{
    private static readonly Lazy<bool> Available = new(Load);

    public static bool TryLoad() => Available.Value;

    /// <summary>Why there is no login by SCRAM to a Kafka 4 here, or null when there is.</summary>
    public static string? ReasonAgainstScram() =>
        !TryLoad() ? "librdkafka is not installed."
        : Confluent.Kafka.Library.Version < KafkaRefusal.FirstWithScram ? $"librdkafka {Confluent.Kafka.Library.VersionString} cannot log in to Kafka 4 by SCRAM, 2.6.1 and newer can."
        : null;

    private static bool Load()
    {
        NativeKafkaLibrary.Load();
        try
        {
            return Confluent.Kafka.Library.Version > 0;
        }
        catch (DllNotFoundException)
        {
            return false;
        }
    }
}
