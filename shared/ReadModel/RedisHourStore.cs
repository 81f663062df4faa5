using System.Globalization;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>Writes hours to Redis through apply.lua, one round trip a batch (one a generation while a rebuild runs).</summary>
public sealed class RedisHourStore(RedisConnection connection, IOptions<RedisOptions> options) : ISinkStore<HourPartial>
{
    private readonly RedisOptions _options = options.Value;
    private readonly RedisKeys _keys = new(options.Value.Prefix);

    public string Name => "redis";

    public long Epoch => connection.Epoch;

    public async Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(
        string topic, IReadOnlyList<int> partitions, CancellationToken cancellation)
    {
        RedisValue[] fields = [.. partitions.Select(p => RedisKeys.PositionField(topic, p))];
        var positions = await connection.CallAsync(redis => redis.HashGetAsync(_keys.Positions, fields), cancellation).ConfigureAwait(false);
        return partitions.Zip(positions).ToDictionary(
            pair => pair.First, pair => pair.Second.IsNull ? 0 : (long)pair.Second);
    }

    public async Task<SinkBatchResult> WriteAsync(SinkBatch<HourPartial> batch, CancellationToken cancellation)
    {
        var generations = batch.Partials.Select(p => p.Generation).Concat(batch.Progress.Select(p => p.Generation)).Distinct().Order().ToList();
        if (generations.Count == 0) generations.Add(1);
        foreach (var generation in generations)
        {
            // Read positions move with the last part, so that a cut between two parts is read again.
            var result = await WriteAsync(batch, generation, advance: generation == generations[^1], cancellation).ConfigureAwait(false);
            if (!result.Applied) return result;
        }
        return SinkBatchResult.Done;
    }

    public async Task<bool> TryPointAsync(int generation, CancellationToken cancellation)
    {
        var pointer = await connection.CallAsync(redis => redis.StringGetAsync(_keys.CurrentGeneration), cancellation).ConfigureAwait(false);
        var now = pointer.IsNull ? 1 : (int)RedisAnswers.Number((string)pointer!);
        if (now >= generation) return true;
        RedisKey[] keys = [_keys.CurrentGeneration, _keys.Progress(now), _keys.Progress(generation)];
        return (int)await connection.EvaluateAsync(RedisScripts.Point, keys, [now, generation], cancellation).ConfigureAwait(false) == 1;
    }

    internal static string Counts(HourPartial partial) =>
        string.Create(CultureInfo.InvariantCulture, $"{partial.Clicks} {partial.Impressions} {partial.UniqueUsers}");

    private async Task<SinkBatchResult> WriteAsync(SinkBatch<HourPartial> batch, int generation, bool advance, CancellationToken cancellation)
    {
        var keys = new List<RedisKey> { _keys.Positions, _keys.Birth(generation), _keys.Progress(generation), _keys.Outcomes(generation) };
        var partials = batch.Partials.Where(p => p.Generation == generation).ToList();
        var progress = batch.Progress.Where(p => p.Generation == generation).ToDictionary(p => p.Partition);
        var arguments = new List<RedisValue>
        {
            (long)_options.Ttl.TotalMilliseconds,
            (long)_options.FutureTolerance.TotalMilliseconds,
            generation,
            progress.Values.Select(p => p.PartitionCount).DefaultIfEmpty(0).Max(),
            batch.Ranges.Count,
        };
        foreach (var range in batch.Ranges)
            arguments.AddRange([RedisKeys.PositionField(batch.Topic, range.Partition), range.Partition, range.From, advance ? range.To : range.From]);
        AddProgress(arguments, batch, partials, progress);
        AddPartials(arguments, keys, generation, partials);

        var answer = await connection.EvaluateAsync(RedisScripts.Apply, [.. keys], [.. arguments], cancellation).ConfigureAwait(false);
        var parts = (RedisResult[])answer!;
        if ((int)parts[0] == 1) return SinkBatchResult.Done;
        if ((int)parts[0] == 2) throw SinkStoreFaults.Regressed(Name, batch.Topic, (int)parts[1]);
        return new SinkBatchResult(false, batch.Ranges.Select((range, i) => (range.Partition, Position: (long)parts[i + 1]))
            .ToDictionary(p => p.Partition, p => p.Position));
    }

    /// <summary>A partition whose partials came without a progress record still tells how far it was read.</summary>
    private static void AddProgress(
        List<RedisValue> arguments, SinkBatch<HourPartial> batch, List<HourPartial> partials, Dictionary<int, Progress> progress)
    {
        var inPartials = partials.Select(p => p.Partition).ToHashSet();
        var ranges = batch.Ranges.Where(r => progress.ContainsKey(r.Partition) || inPartials.Contains(r.Partition)).ToList();
        arguments.Add(ranges.Count);
        foreach (var range in ranges)
        {
            var record = progress.GetValueOrDefault(range.Partition);
            arguments.AddRange(
            [
                range.Partition, record?.NextOffset ?? 0, record?.AsOfMs ?? 0, range.To,
                record is null ? "" : JsonFormatter.Default.Format(record),
            ]);
        }
    }

    private void AddPartials(List<RedisValue> arguments, List<RedisKey> keys, int generation, List<HourPartial> partials)
    {
        var fixedKeys = keys.Count;
        var index = new Dictionary<long, int>();
        arguments.Add(partials.Count);
        foreach (var partial in partials)
        {
            if (!index.TryGetValue(partial.Hour, out var at))
            {
                keys.Add(_keys.Hour(generation, partial.Hour));
                index[partial.Hour] = at = keys.Count - fixedKeys;
            }
            arguments.AddRange([at, partial.Hour, partial.Partition, partial.NextOffset, Counts(partial)]);
        }
    }
}
