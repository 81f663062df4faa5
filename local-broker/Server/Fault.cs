namespace Tally.LocalBroker.Server;

/// <summary>What a test can make happen to the next request of a kind.</summary>
public abstract record Fault
{
    private Fault()
    {
    }

    /// <summary>The connection is closed before the request is carried out.</summary>
    public static Fault Close { get; } = new CloseBefore();

    /// <summary>The request is carried out, its answer never sent, and the connection closed: the client cannot know the outcome.</summary>
    public static Fault CloseAfter { get; } = new CloseAfterwards();

    /// <summary>The request is carried out only after a while.</summary>
    public static Fault Delay(TimeSpan time) => new DelayBefore(time);

    internal sealed record CloseBefore : Fault;

    internal sealed record CloseAfterwards : Fault;

    internal sealed record DelayBefore(TimeSpan Time) : Fault;
}
