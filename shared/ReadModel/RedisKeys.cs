using System.Globalization;
using StackExchange.Redis;
using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>Names in Redis (a stored format, docs/decisions/0005-redis-completeness.md).</summary>
public sealed class RedisKeys(string prefix)
{
    /// <summary>Generation that readers use; absent means 1.</summary>
    public RedisKey CurrentGeneration { get; } = $"{prefix}:generation";

    /// <summary>Hash <c>{topic}|{partition}</c> → next offset the materializer has to read.</summary>
    public RedisKey Positions { get; } = $"{prefix}:positions";

    /// <summary>Hash <c>{partition}</c> → <c>next_offset as_of_ms position</c>; <c>partitions</c> → how many there are.</summary>
    public RedisKey Progress(int generation) => $"{Of(generation)}:progress";

    /// <summary>Hash <c>{partition}</c> → the progress record as protobuf JSON.</summary>
    public RedisKey Outcomes(int generation) => $"{Of(generation)}:outcomes";

    /// <summary>Sorted set: <c>born|ttl|tolerance</c> with Redis's own time in ms when the keyspace was first seen, and each recent hour ever written.</summary>
    public RedisKey Birth(int generation) => $"{Of(generation)}:birth";

    /// <summary>Hash of one hour: totals, <c>complete</c>, and <c>p{partition}</c> → <c>generation next_offset clicks impressions unique_users</c>.</summary>
    public RedisKey Hour(int generation, long hour) => $"{Of(generation)}:hour:{Hours.Name(hour)}";

    public static RedisValue PositionField(string topic, int partition) => string.Create(CultureInfo.InvariantCulture, $"{topic}|{partition}");

    private string Of(int generation) => generation == 1 ? prefix : string.Create(CultureInfo.InvariantCulture, $"{prefix}.g{generation}");
}
