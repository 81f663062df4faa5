using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>Client 2.x would queue calls while it has no connection; ours fail at once, as with 1.x, and their callers decide.</summary>
internal static class RedisClientTuning
{
    public static void Apply(ConfigurationOptions configuration) => configuration.BacklogPolicy = BacklogPolicy.FailFast;
}
