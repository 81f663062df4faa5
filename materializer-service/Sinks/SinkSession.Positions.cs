using Tally.Shared.Hosting;

namespace Tally.MaterializerService.Sinks;

/// <summary>Finding the store's position of each partition.</summary>
public sealed partial class SinkSession<T>
{
    /// <summary>A broker just started may for a moment not know all it has.</summary>
    private const int BeyondAtMost = 10;

    /// <summary>Finds the position of partitions that have none yet.</summary>
    private void Settle()
    {
        var homeless = _owned.Keys.Where(p => !_batch.Follows(p)).ToList();
        if (homeless.Count == 0) return;
        _feed.Pause(homeless);
        var positions = TryPositions(homeless);
        if (positions is null) return;
        foreach (var (partition, position) in positions)
        {
            if (Start(partition, position) is not { } start) continue;
            _batch.Follow(partition, position);
            _feed.Seek(partition, start);
            _feed.Resume([partition]);
            SinkMetrics.Rereads.Add(1, SinkMetrics.Sink(_sink.Name), SinkMetrics.Reason("position"));
        }
        // Of those resumed just now too.
        _paused = false;
    }

    /// <summary>Where to read; null when that is not decided yet.</summary>
    private long? Start(int partition, long position)
    {
        var owned = _owned[partition];
        if (!owned.Doubted) return position;
        var (low, high) = _feed.QueryEnds(partition);
        if (position > high)
        {
            if (++owned.Beyond >= BeyondAtMost) throw Beyond(partition, position, high);
            Rest($"partition {partition} ends before the position of {_sink.Name}", new InvalidOperationException("The topic is shorter than expected."));
            return null;
        }
        owned.Doubted = false;
        owned.Beyond = 0;
        // A compacted topic may begin later than where the sink stands: what is gone was replaced by newer records.
        return position < low ? 0 : position;
    }

    private ConfigurationException Beyond(int partition, long position, long high) => new(
        $"The {_sink.Name} has read {_sink.Feeds.Topic} partition {partition} up to offset {position}, but it ends at {high}: the topic was recreated or "
        + $"belongs to another cluster. Point Kafka:BootstrapServers to the right one, or empty the {_sink.Name} to fill it anew.");

    private IReadOnlyDictionary<int, long>? TryPositions(IReadOnlyList<int> partitions)
    {
        if (partitions.Count == 0) return new Dictionary<int, long>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_hurry);
        limit.CancelAfter(PositionLimit);
        try
        {
            PrepareAgain();
            var positions = _sink.Store.ReadPositionsAsync(_sink.Feeds.Topic, partitions, limit.Token).GetAwaiter().GetResult();
            _epoch = _sink.Store.Epoch;
            Well();
            return positions;
        }
        catch (Exception e) when (e is not ConfigurationException)
        {
            Rest($"{_sink.Name} does not tell its position: {e.Message}", e);
            return null;
        }
    }
}
