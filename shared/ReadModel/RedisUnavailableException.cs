namespace Tally.Shared.ReadModel;

/// <summary>Redis is not connected, is full, or as many calls as allowed are under way.</summary>
public sealed class RedisUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
