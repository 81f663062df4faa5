using Tally.QueryService.Accounting;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Frames;

/// <summary>Looks at the progress of the frames each second, so that whoever asks is told how many were read and how many results written a second.</summary>
public sealed class FrameRates(FrameReader reader, TimeProvider clock) : BackgroundService
{
    private const int Looks = 11;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly Queue<(long At, FrameTotals Totals)> _looks = [];

    /// <summary>Frames read and results written a second, over the last ten seconds at most; zeros before the second look.</summary>
    public (double Frames, double Results) Now
    {
        get
        {
            lock (_looks)
            {
                if (_looks.Count < 2) return default;
                var (first, last) = (_looks.First(), _looks.Last());
                var seconds = clock.GetElapsedTime(first.At, last.At).TotalSeconds;
                return (Rate(last.Totals.Read - first.Totals.Read, seconds), Rate(last.Totals.Results - first.Totals.Results, seconds));
            }
        }
    }

    public void Note(FrameTotals totals)
    {
        lock (_looks)
        {
            // Another generation, or a partition that does not tell yet: what was before cannot be compared.
            if (_looks.Count > 0 && (_looks.Last().Totals.Generation != totals.Generation || _looks.Last().Totals.Partitions != totals.Partitions)) _looks.Clear();
            _looks.Enqueue((clock.GetTimestamp(), totals));
            while (_looks.Count > Looks) _looks.Dequeue();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                if (await reader.RecordsAsync(stoppingToken).ConfigureAwait(false) is { Count: > 0 } records) Note(new FrameTotals(records));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private static double Rate(long count, double seconds) => seconds <= 0 ? 0 : Math.Round(Math.Max(0, count) / seconds, 1);
}

/// <summary>The frames job over all its partitions.</summary>
public sealed class FrameTotals(IReadOnlyList<Progress> records)
{
    public int Generation { get; } = records.Max(r => r.Generation);

    public int Partitions => records.Count;

    public OutcomeSum Outcomes { get; } = new(records);

    public long Read => Outcomes.Read;

    public long Results => Counter("results");

    public long Late => Counter("late");

    /// <summary>Least of all partitions, Unix time in ms; 0 while one does not tell.</summary>
    public long AsOfMs { get; } = records.Count < records.Max(r => r.PartitionCount) ? 0 : records.Min(r => r.AsOfMs);

    public long SinceMs { get; } = records.Min(r => r.SinceMs);

    /// <summary>Frames that came after their window of that kind was final; null for a kind that is not counted.</summary>
    public long? LateOf(string kind) => records.Any(r => r.Counters.ContainsKey($"late_{kind}")) ? Counter($"late_{kind}") : null;

    private long Counter(string name) => records.Sum(r => r.Counters.GetValueOrDefault(name));
}
