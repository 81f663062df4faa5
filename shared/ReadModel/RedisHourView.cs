using Google.Protobuf;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>Reads hours from Redis: progress and hour of one moment, in one round trip.</summary>
public sealed class RedisHourView(RedisConnection connection, IOptions<RedisOptions> options) : IHourSource, IProgressRecordSource
{
    private readonly RedisKeys _keys = new(options.Value.Prefix);
    private volatile int _generation = 1;

    public string Name => "redis";

    /// <summary>The generation that readers use, as of the last read.</summary>
    public int Generation => _generation;

    public async Task<HourReading> ReadAsync(long hour, CancellationToken cancellation)
    {
        while (true)
        {
            var generation = _generation;
            RedisKey[] keys = [_keys.CurrentGeneration, _keys.Progress(generation), _keys.Hour(generation, hour)];
            var answer = (RedisResult[])(await connection.EvaluateAsync(RedisScripts.Read, keys, [], cancellation).ConfigureAwait(false))!;
            if (!PointsTo(generation, (string)answer[0]!)) continue;
            return Reading((RedisValue[])answer[2]!, RedisAnswers.Progress(answer[1]));
        }
    }

    public async Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var generation = _generation;
            var pointer = await connection.CallAsync(redis => redis.StringGetAsync(_keys.CurrentGeneration), cancellation).ConfigureAwait(false);
            if (!PointsTo(generation, pointer.IsNull ? "1" : (string)pointer!)) continue;
            var records = await connection.CallAsync(redis => redis.HashGetAllAsync(_keys.Outcomes(generation)), cancellation).ConfigureAwait(false);
            return [.. records.Select(r => JsonParser.Default.Parse<Progress>((string)r.Value!)).OrderBy(r => r.Partition)];
        }
    }

    private static HourReading Reading(RedisValue[] hour, SourceProgress progress)
    {
        if (hour[0].IsNull) return new HourReading(HourState.Absent, default, progress);
        if (hour[0] != 1) return new HourReading(HourState.Incomplete, default, progress);
        return new HourReading(HourState.Complete, new HourCounts((long)hour[1], (long)hour[2], (long)hour[3]), progress, hour[4].IsNull ? null : RedisAnswers.Ahead((string)hour[4]!));
    }

    private bool PointsTo(int generation, string pointer)
    {
        var now = (int)RedisAnswers.Number(pointer);
        _generation = now;
        return now == generation;
    }
}
