using Tally.MaterializerService.Feed;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>What makes one sink differ from the other.</summary>
/// <param name="Kind">What it stores.</param>
/// <param name="Feeds">Where it reads.</param>
/// <param name="Store">Where it writes; its name is the sink's.</param>
/// <param name="System">Value of <c>db.system.name</c>.</param>
/// <param name="Operation">Value of <c>db.operation.name</c>.</param>
/// <param name="Group">Its consumer group.</param>
/// <param name="Linger">How long records are gathered before they are written; zero writes as soon as no more are at hand.</param>
/// <param name="WriteTimeout">Time limit of one write.</param>
/// <param name="Prepare">Makes the store ready at start and when its tables are gone; tried again until it succeeds.</param>
/// <param name="BatchRecords">Most records held and written at once.</param>
/// <param name="Generation">Of what it stores; readers are pointed to it.</param>
/// <param name="Refusal">Why a partial must not be stored, as a sentence that says what to do.</param>
public sealed record SinkProfile<T>(
    IPartialKind<T> Kind, IPartialFeedFactory Feeds, ISinkStore<T> Store, string System, string Operation, string Group, TimeSpan Linger, TimeSpan WriteTimeout, Func<CancellationToken, Task> Prepare,
    int BatchRecords, int Generation, Func<T, string?>? Refusal = null) where T : class
{
    public string Name => Store.Name;
}
