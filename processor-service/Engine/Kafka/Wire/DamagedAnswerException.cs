namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A broker's answer does not hold what its own lengths promise, or is not one to what was asked.</summary>
/// <param name="what">In a few words.</param>
public sealed class DamagedAnswerException(string what) : IOException($"An answer cannot be read: {what}.");
