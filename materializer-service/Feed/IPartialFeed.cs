namespace Tally.MaterializerService.Feed;

/// <summary>
/// A topic of partials as a sink reads it: read committed, as a member of the sink's group. All calls come from one thread; a
/// <see cref="FeedLostException"/> from any of them means that a new feed has to be opened.
/// </summary>
public interface IPartialFeed : IDisposable
{
    /// <summary>Waits for the next record at most <paramref name="wait"/>; null when there is none. The listener is called from inside.</summary>
    FeedRecord? Read(TimeSpan wait);

    /// <summary>False while Kafka does not answer; told by <see cref="Read"/>, some seconds after it went silent.</summary>
    bool Answers { get; }

    /// <summary>Goes on reading from <paramref name="position"/>; 0 is the earliest record there is.</summary>
    void Seek(int partition, long position);

    /// <summary>No records of these until <see cref="Resume"/>.</summary>
    void Pause(IReadOnlyCollection<int> partitions);

    void Resume(IReadOnlyCollection<int> partitions);

    /// <summary>Asks the broker for the offset of the earliest record and the offset after the newest.</summary>
    (long Low, long High) QueryEnds(int partition);

    /// <summary>Leaves the group.</summary>
    void Close();
}

/// <summary>Learns of partitions that come and go.</summary>
public interface IFeedListener
{
    /// <returns>Position of each partition to begin with (0: the earliest), or null while it is unknown: nothing is to be read then.</returns>
    IReadOnlyList<long?> Assigned(IReadOnlyList<int> partitions);

    void Revoked(IReadOnlyList<int> partitions);

    /// <summary>The broker has no record at the position asked for.</summary>
    void OutOfRange(int partition);
}

/// <summary>The feed is over; says why.</summary>
public sealed class FeedLostException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Opens feeds; tests have one without Kafka.</summary>
public interface IPartialFeedFactory
{
    string Topic { get; }

    IPartialFeed Open(string group, IFeedListener listener);
}
