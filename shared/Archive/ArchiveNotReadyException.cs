namespace Tally.Shared.Archive;

/// <summary>The archive is not there yet or not in a form this version reads; says why.</summary>
public sealed class ArchiveNotReadyException(string message, Exception? inner = null) : Exception(message, inner);
