using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.Shared.ReadModel;

/// <summary>Records of one partition of a topic of partials that a batch holds: all from offset <paramref name="From"/> on, below <paramref name="To"/>.</summary>
public readonly record struct ReadRange(int Partition, long From, long To);

/// <summary>What a materializer sink writes at once, whole or not at all.</summary>
/// <param name="Topic">Topic the ranges were read from; positions are kept for each.</param>
/// <param name="Ranges">What was read, a range a partition.</param>
/// <param name="Partials">The newest version of each in the ranges.</param>
/// <param name="Progress">The newest of each (generation, partition) in the ranges.</param>
/// <typeparam name="T">The kind of partial, such as <see cref="HourPartial"/>.</typeparam>
public sealed record SinkBatch<T>(
    string Topic, IReadOnlyList<ReadRange> Ranges, IReadOnlyList<T> Partials, IReadOnlyList<Progress> Progress);

/// <summary>What became of a batch.</summary>
/// <param name="Applied">False when the sink stands before a range's begin: it lost what it had, nothing was written.</param>
/// <param name="Positions">When not applied: position of each partition in the sink, from which to read again.</param>
public sealed record SinkBatchResult(bool Applied, IReadOnlyDictionary<int, long> Positions)
{
    public static readonly SinkBatchResult Done = new(true, new Dictionary<int, long>());
}

/// <summary>A store of partials that the materializer fills.</summary>
public interface ISinkStore<T>
{
    /// <summary>Name in metrics, traces and logs: <c>redis</c>, <c>archive</c>.</summary>
    string Name { get; }

    /// <summary>Changes when the store may have lost its newest writes, as after a failover.</summary>
    long Epoch { get; }

    /// <summary>Next offset to read of each partition of <paramref name="topic"/>; 0 for one never read.</summary>
    Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation);

    /// <summary>Writes partials, then progress, then positions in one atomic step. Writing a batch again changes nothing.</summary>
    /// <exception cref="ConfigurationException">Progress falls where it can only rise: the topic was recreated or belongs to another cluster.</exception>
    /// <exception cref="Archive.ArchiveNotReadyException">The tables are gone.</exception>
    Task<SinkBatchResult> WriteAsync(SinkBatch<T> batch, CancellationToken cancellation);

    /// <summary>Points readers to a rebuilt generation once it is not behind the one they use in any partition.</summary>
    /// <returns>True when they use it, or a later one; for ever so where there are no generations.</returns>
    Task<bool> TryPointAsync(int generation, CancellationToken cancellation) => Task.FromResult(true);
}

/// <summary>Sentences that both stores say.</summary>
internal static class SinkStoreFaults
{
    public static ConfigurationException Regressed(string store, string topic, int partition) => new(
        $"Partition {partition} of {topic} tells of less progress than the {store} has stored: the topic was recreated or belongs to another cluster. "
        + $"Point Kafka:BootstrapServers to the right one, or empty the {store} to fill it anew.");
}
