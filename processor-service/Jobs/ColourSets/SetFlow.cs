namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>What waits at a moment when events are taken in their order: reds for a green, pairs of both for a blue.</summary>
public readonly record struct Waiting(long Reds, long Pairs);

/// <summary>
/// What a stretch of events does to what waits before it. Reds wait for greens and pairs for blues, first come first served, and none that could be
/// served waits: that serves as many as any matching can (two queues behind each other). How many it serves is a minimum over the moments at which each
/// queue was empty last (Lindley), so three numbers say it for whatever waits at the begin: no event is looked at again.
/// </summary>
/// <param name="Reds">In the stretch.</param>
/// <param name="Greens">In the stretch.</param>
/// <param name="Blues">In the stretch.</param>
/// <param name="Paired">Greens it would use with no red waiting before it.</param>
/// <param name="FromPairs">Blues it would use with endless reds, and no pair, waiting before it.</param>
/// <param name="FromReds">Blues it would use with nothing waiting before it.</param>
public readonly record struct SetFlow(long Reds, long Greens, long Blues, long Paired, long FromPairs, long FromReds)
{
    public long Events => Reds + Greens + Blues;

    /// <summary>Greens that find a red.</summary>
    public long GreensUsed(Waiting before) => Math.Min(Greens, before.Reds + Paired);

    /// <summary>Blues that find a pair: each completes a set.</summary>
    public long BluesUsed(Waiting before) =>
        Math.Min(Blues, Math.Min(before.Pairs + FromPairs, before.Pairs + before.Reds + FromReds));

    public Waiting After(Waiting before)
    {
        var greens = GreensUsed(before);
        return new Waiting(before.Reds + Reds - greens, before.Pairs + greens - BluesUsed(before));
    }

    public SetFlow Then(Colour colour) => colour switch
    {
        Colour.Red => this with { Reds = Reds + 1 },
        Colour.Green => this with { Greens = Greens + 1, Paired = Math.Min(Paired + 1, Reds) },
        _ => this with { Blues = Blues + 1, FromPairs = Math.Min(FromPairs + 1, Greens), FromReds = Math.Min(FromReds + 1, Paired) },
    };
}
