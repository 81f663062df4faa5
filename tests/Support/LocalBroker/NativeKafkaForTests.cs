using Tally.Shared.Kafka;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>Whether the Kafka client has a native library here; tests that need one are skipped without.</summary>
public static class NativeKafkaForTests
{
    private static readonly Lazy<bool> Available = new(Load);

    public static bool TryLoad() => Available.Value;

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
