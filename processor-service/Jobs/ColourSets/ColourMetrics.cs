using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Tells what was committed, in the instruments of all jobs; what earlier processes told is not told again.</summary>
public sealed class ColourMetrics(ColoursProgress? restored)
{
    private static readonly KeyValuePair<string, object?> Job = EngineMetrics.Job("colours");

    private (long Counted, long DeadLettered, long AgedOut) _told = Sums(restored ?? new ColoursProgress());

    public void Committed(ColoursProgress progress)
    {
        var now = Sums(progress);
        if (now.Counted > _told.Counted) EngineMetrics.Events.Add(now.Counted - _told.Counted, Job, EngineMetrics.Counted);
        if (now.DeadLettered > _told.DeadLettered) EngineMetrics.Events.Add(now.DeadLettered - _told.DeadLettered, Job, EngineMetrics.DeadLettered);
        if (now.AgedOut > _told.AgedOut) EngineMetrics.JobCounts.Add(now.AgedOut - _told.AgedOut, Job, EngineMetrics.Count(CounterNames.AgedOut));
        _told = now;
    }

    private static (long Counted, long DeadLettered, long AgedOut) Sums(ColoursProgress progress) => (progress.Counted, progress.DeadLettered.Values.Sum(), progress.AgedOut);
}
