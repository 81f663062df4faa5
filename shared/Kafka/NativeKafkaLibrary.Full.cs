namespace Tally.Shared.Kafka;

/// <summary>The full package set brings librdkafka itself (librdkafka.redist); nothing is to be done.</summary>
public static class NativeKafkaLibrary
{
    public static void Load()
    {
    }
}
