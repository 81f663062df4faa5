using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>Client 1.x fails at once without a connection, which is what callers expect.</summary>
internal static class RedisClientTuning
{
    public static void Apply(ConfigurationOptions configuration)
    {
    }
}
