using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>
/// Sends the sketches of one partition's hours: of an hour with new users at once, then at most once in an interval, and the last one when the hour fell
/// silent. A sketch is made of the exact hashes when it is sent, so that none is kept in memory and counting an event costs nothing more;
/// what making them may cost is bounded, and under backlog hours wait longer for theirs.
/// </summary>
public sealed class SketchSender(int partition, int generation, TimeSpan interval, TimeProvider clock)
{
    /// <summary>Hashes put into sketches a second at the most: about a hundredth of a core.</summary>
    public const int HashesASecond = 250_000;

    /// <summary>What a record costs beside its hashes, in hashes: at most 60 records a second.</summary>
    private const int HashesOfARecord = 4_096;

    public static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(10);

    private readonly PriorityQueue<HourState, long> _waiting = new();
    private readonly long _interval = (long)(interval.TotalSeconds * clock.TimestampFrequency);
    private double _room = HashesASecond;
    private long _lookedAt = clock.GetTimestamp();

    /// <summary>The hour may have users that its last sketch lacks.</summary>
    public void Note(HourState hour)
    {
        if (hour.SketchWaits || hour.Users.Count <= hour.SketchedUsers) return;
        hour.SketchWaits = true;
        var now = clock.GetTimestamp();
        _waiting.Enqueue(hour, hour.SketchedAt is { } sent ? Math.Max(now, sent + _interval) : now);
    }

    /// <summary>The next hour whose sketch is to be sent now, the one that waits longest first.</summary>
    public bool TryTake([NotNullWhen(true)] out HourState? hour)
    {
        hour = null;
        if (_waiting.Count == 0) return false;
        var now = clock.GetTimestamp();
        _room = Math.Min(HashesASecond, _room + ((double)(now - _lookedAt) / clock.TimestampFrequency * HashesASecond));
        _lookedAt = now;
        if (_room <= 0 || !_waiting.TryPeek(out _, out var due) || due > now) return false;
        hour = _waiting.Dequeue();
        hour.SketchWaits = false;
        return true;
    }

    /// <summary>Sends the sketch of the hour as it is. Nothing of it may be unsettled.</summary>
    public void Send(HourState hour, long nextOffset, IEmit emit)
    {
        var users = hour.Users.Count;
        _room -= users + HashesOfARecord;
        var record = new HourSketch
        {
            Hour = hour.Hour,
            Partition = partition,
            Generation = generation,
            NextOffset = nextOffset,
            Users = users,
            Sketch = UnsafeByteOperations.UnsafeWrap(HyperLogLogFormat.Write(hour.Users.Sketch())),
        };
        emit.Aside(RecordKeys.HourSketch(hour.Hour, partition), record.ToByteArray(), RecordTypes.HourSketch);
        (hour.SketchedUsers, hour.SketchedAt) = (users, clock.GetTimestamp());
    }
}
