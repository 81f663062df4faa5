using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>Brings records of partitions here, many at a time.</summary>
internal interface IRecordFetch : IDisposable
{
    /// <summary>Why nothing can be fetched this way, or null.</summary>
    string? Refusal => null;

    /// <summary>The next of what is in hand; its key and value hold until the next call.</summary>
    /// <exception cref="SessionEndException">It cannot be read, or says instead why nothing can.</exception>
    bool TryNext(out LogRecord record);

    /// <summary>Lets go of what is in hand and takes more.</summary>
    /// <returns>False when nothing came within <paramref name="wait"/>.</returns>
    /// <exception cref="SessionEndException">The partitions can be read no more.</exception>
    bool TryFill(TimeSpan wait);
}
