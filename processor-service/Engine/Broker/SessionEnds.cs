namespace Tally.ProcessorService.Engine.Broker;

/// <summary>The ways in which a session with the broker ends before its time; each has one way to go on.</summary>
public abstract class SessionEndException(string message, Exception? inner) : Exception(message, inner);

/// <summary>Our partitions or our transactional id belong to somebody else now: drop everything and join again.</summary>
public sealed class MigratedException(string message, Exception? inner = null) : SessionEndException(message, inner);

/// <summary>The state in memory may differ from what was committed: drop it and restore it from the changelog.</summary>
public sealed class CorruptedException(string message, Exception? inner = null) : SessionEndException(message, inner);

/// <summary>Nothing answers; nothing was changed.</summary>
public sealed class BrokerAwayException(string message, Exception? inner = null) : SessionEndException(message, inner);

/// <summary>State on local disk is damaged, or the disk takes nothing more: drop it and restore it from the changelog.</summary>
public sealed class LocalStateException(string message, Exception? inner = null) : SessionEndException(message, inner);
