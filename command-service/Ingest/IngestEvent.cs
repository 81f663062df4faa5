using Tally.Shared.Contracts;

namespace Tally.CommandService.Ingest;

/// <summary>An event as the client gave it, checked. Its text lives in the caller's scratch memory.</summary>
public readonly ref struct IngestEvent
{
    /// <summary>Unix time in ms, 0 to <see cref="Hours.LastTimestampMs"/>.</summary>
    public required long TimestampMs { get; init; }

    public required EventKind Kind { get; init; }

    /// <summary>Valid UTF-8 without control characters, 1 to 256 bytes.</summary>
    public required ReadOnlySpan<byte> User { get; init; }

    /// <summary>Valid UTF-8 without control characters, at most 128 bytes; empty without an id.</summary>
    public required ReadOnlySpan<byte> Id { get; init; }
}
