using Tally.Shared.Contracts;

namespace Tally.QueryService.Accounting;

/// <summary>What one source holds of the progress records; <paramref name="Records"/> is null when it does not answer.</summary>
public sealed record SourceRecords(string Source, IReadOnlyList<Progress>? Records)
{
    /// <summary>True when every partition has reported.</summary>
    public bool Complete => Records is { Count: > 0 } && Records.Count >= Records.Max(r => r.PartitionCount);

    /// <summary>Every event appended before this Unix time (ms) is in the source; 0 while a partition has not reported.</summary>
    public long AsOfMs => Complete ? Records!.Min(r => r.AsOfMs) : 0;
}

/// <summary>What became of the records read, which add up to <see cref="Read"/>.</summary>
public sealed class OutcomeSum
{
    private readonly SortedDictionary<string, long> _deadLettered = new(StringComparer.Ordinal);

    public OutcomeSum(IReadOnlyCollection<Progress> records)
    {
        foreach (var outcomes in records.Select(r => r.Outcomes).OfType<Outcomes>())
        {
            Counted += outcomes.Counted;
            Duplicate += outcomes.Duplicate;
            Corrected += outcomes.Corrected;
            foreach (var (reason, count) in outcomes.DeadLettered) _deadLettered[reason] = _deadLettered.GetValueOrDefault(reason) + count;
        }
        AgedOut = records.Sum(r => r.Counters.TryGetValue(CounterNames.AgedOut, out var agedOut) ? agedOut : 0);
    }

    public long Counted { get; }

    public long Duplicate { get; }

    /// <summary>Counted where a result was final already.</summary>
    public long Corrected { get; }

    /// <summary>Held once, and gone for want of memory (colours).</summary>
    public long AgedOut { get; }

    public IReadOnlyDictionary<string, long> DeadLettered => _deadLettered;

    public long Read => Counted + Duplicate + Corrected + AgedOut + _deadLettered.Values.Sum();
}

/// <summary>The account of one job, from the progress records that its sources hold.</summary>
public sealed class Account(string job, IReadOnlyList<SourceRecords> sources)
{
    public string Job => job;

    public IReadOnlyList<SourceRecords> Sources => sources;

    /// <summary>Of each partition the furthest record any source holds.</summary>
    public IReadOnlyList<Progress> Partitions { get; } =
        [.. sources.SelectMany(s => s.Records ?? []).GroupBy(r => r.Partition).OrderBy(g => g.Key)
            .Select(g => g.MaxBy(r => (r.Generation, r.NextOffset, r.AsOfMs))!)];

    public OutcomeSum Outcomes => new(Partitions);

    /// <summary>What the job counts beside outcomes, such as flows, which are inside arrays.</summary>
    public IReadOnlyDictionary<string, long> Counters => new SortedDictionary<string, long>(
        Partitions.SelectMany(p => p.Counters).GroupBy(c => c.Key).ToDictionary(c => c.Key, c => c.Sum(n => n.Value)), StringComparer.Ordinal);

    /// <summary>False when no source answers.</summary>
    public bool Known => sources.Any(s => s.Records is not null);
}
