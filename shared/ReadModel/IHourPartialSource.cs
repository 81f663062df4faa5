using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>All partials of one hour as the archive has them; <paramref name="Progress"/> belongs to the same moment.</summary>
public sealed record HourPartials(SourceProgress Progress, IReadOnlyList<HourPartial> Partials);

/// <summary>Where a refill of Redis reads from.</summary>
public interface IHourPartialSource
{
    Task<SourceProgress> ReadProgressAsync(int generation, CancellationToken cancellation);

    Task<HourPartials> ReadPartialsAsync(int generation, long hour, CancellationToken cancellation);
}

/// <summary>The processor's progress records as a source has them: what became of every event read.</summary>
public interface IProgressRecordSource
{
    /// <summary>Name in metrics, traces and logs: <c>redis</c>, <c>archive</c>.</summary>
    string Name { get; }

    /// <summary>Name of the job in the account.</summary>
    string Job => "analytics";

    /// <summary>The newest record of each partition that has one, of the generation that readers use.</summary>
    Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation);
}
