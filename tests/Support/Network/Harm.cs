namespace Tally.Tests.Support.Network;

/// <summary>What happens to a connection: to what the client sends, and to what it is answered.</summary>
public sealed record Harm
{
    public Lane Requests { get; init; } = new();

    public Lane Answers { get; init; } = new();

    /// <summary>Both directions alike.</summary>
    public static Harm Both(Lane lane) => new() { Requests = lane, Answers = lane };
}

/// <summary>What happens to the bytes of one direction.</summary>
public sealed record Lane
{
    /// <summary>Most bytes of one write.</summary>
    public int SliceBytes { get; init; } = int.MaxValue;

    /// <summary>How long what comes in together is held back, each time anew; bytes never overtake each other.</summary>
    public Func<TimeSpan>? Latency { get; init; }

    /// <summary>At most so many pass; null for no limit.</summary>
    public int? BytesPerSecond { get; init; }

    /// <summary>After so many bytes the connection is reset (RST), whatever lies behind them; null for never.</summary>
    public long? ResetAfter { get; init; }

    /// <summary>After so many bytes nothing comes through in either direction any more, and nobody is told (no FIN): the other end seems to be gone; null for never.</summary>
    public long? SilentAfter { get; init; }
}
