using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>
/// Merges the archive's partials of an hour into Redis (docs/decisions/0005-redis-completeness.md). It waits up to
/// <c>Redis:RefillPatience</c> for the archive, so callers do not hold an answer back for it.
/// </summary>
public sealed class RedisHourRefill(
    RedisConnection connection, RedisHourView view, IHourPartialSource archive, IOptions<RedisOptions> options, TimeProvider clock) : IHourRefill
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);
    private readonly RedisOptions _options = options.Value;
    private readonly RedisKeys _keys = new(options.Value.Prefix);

    public async Task<bool> RefillAsync(long hour, CancellationToken cancellation)
    {
        var generation = view.Generation;
        var begun = await BeginAsync(generation, hour, cancellation).ConfigureAwait(false);
        if (!await ArchiveReachedAsync(generation, begun.Progress, cancellation).ConfigureAwait(false)) return false;
        var archived = await archive.ReadPartialsAsync(generation, hour, cancellation).ConfigureAwait(false);
        if (!archived.Progress.HasRead(begun.Progress) || !archived.Progress.AtLeast(begun.Progress)) return false;
        return await MergeAsync(generation, hour, begun.Mark, archived.Partials, cancellation).ConfigureAwait(false);
    }

    /// <summary>First step: marks the hash; returns its mark and what Redis had read by then.</summary>
    internal async Task<(string Mark, SourceProgress Progress)> BeginAsync(int generation, long hour, CancellationToken cancellation)
    {
        RedisKey[] keys = [_keys.Hour(generation, hour), _keys.Progress(generation)];
        RedisValue[] arguments = [Guid.NewGuid().ToString("N"), (long)_options.EmptyTtl.TotalMilliseconds];
        var answer = await connection.EvaluateAsync(RedisScripts.RefillBegin, keys, arguments, cancellation).ConfigureAwait(false);
        var parts = (RedisResult[])answer!;
        return ((string)parts[0]!, RedisAnswers.Progress(parts[1]));
    }

    /// <summary>Last step: merges and marks complete; false when the marked hash is gone.</summary>
    internal async Task<bool> MergeAsync(
        int generation, long hour, string mark, IReadOnlyList<HourPartial> partials, CancellationToken cancellation)
    {
        // Zeros stay for a short time only: anyone may ask for any hour.
        var ttl = partials.Count == 0 ? _options.EmptyTtl : _options.RefillTtl;
        var arguments = new List<RedisValue> { mark, (long)ttl.TotalMilliseconds, partials.Count };
        foreach (var partial in partials)
            arguments.AddRange([partial.Partition, partial.Generation, partial.NextOffset, RedisHourStore.Counts(partial)]);
        var answer = await connection.EvaluateAsync(
            RedisScripts.RefillMerge, [_keys.Hour(generation, hour), _keys.Progress(generation)], [.. arguments], cancellation).ConfigureAwait(false);
        return (int)answer == 1;
    }

    private async Task<bool> ArchiveReachedAsync(int generation, SourceProgress wanted, CancellationToken cancellation)
    {
        var begun = clock.GetTimestamp();
        while (true)
        {
            var reached = await archive.ReadProgressAsync(generation, cancellation).ConfigureAwait(false);
            if (reached.HasRead(wanted)) return true;
            if (clock.GetElapsedTime(begun) >= _options.RefillPatience) return false;
            await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
        }
    }
}
