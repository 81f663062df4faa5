using System.Data.Common;
using Dapper;

namespace Tally.Shared.Archive;

/// <summary>Which generation of a job readers use.</summary>
internal static class SqlPointer
{
    /// <summary>Points readers to a generation in one transaction, once it is not behind the one they use in any partition.</summary>
    /// <param name="database">Where.</param>
    /// <param name="job">Value of the column <c>job</c>.</param>
    /// <param name="generation">The new one.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>True when they use it, or a later one.</returns>
    public static Task<bool> TryMoveAsync(ArchiveDatabase database, string job, int generation, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var now = await ArchiveQueries.GenerationAsync(transaction, job).ConfigureAwait(false);
        if (now >= generation) return true;
        if (!await IsAsFarAsync(transaction, job, now, generation).ConfigureAwait(false)) return false;
        await transaction.Connection!.ExecuteAsync(
            "INSERT INTO pointer (job, generation) VALUES (@job, @generation) ON CONFLICT (job) DO UPDATE SET generation = excluded.generation",
            new { job, generation }, transaction).ConfigureAwait(false);
        return true;
    }, cancellation);

    /// <returns>True when every partition of a generation has begun, and is not behind that of the one before.</returns>
    public static async Task<bool> IsAsFarAsync(DbTransaction transaction, string job, int before, int generation)
    {
        var old = await ArchiveQueries.ProgressAsync(transaction, job, before).ConfigureAwait(false);
        var rebuilt = await ArchiveQueries.ProgressAsync(transaction, job, generation).ConfigureAwait(false);
        return rebuilt.Complete && !Enumerable.Range(0, old.PartitionCount).Any(p => old[p] is { } was && (rebuilt[p]?.NextOffset ?? -1) < was.NextOffset);
    }
}
