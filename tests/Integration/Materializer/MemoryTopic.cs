using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;

namespace Tally.Tests.Integration.Materializer;

/// <summary>analytics.hours without Kafka: written by the test, read by any number of feeds, one at a time in each group.</summary>
internal sealed class MemoryTopic(int partitions) : IPartialFeedFactory
{
    private readonly Lock _gate = new();
    private readonly List<FeedRecord>[] _records = [.. Enumerable.Range(0, partitions).Select(_ => new List<FeedRecord>())];
    private readonly long[] _ends = new long[partitions];

    public string Topic => "analytics.hours";

    public int Partitions => partitions;

    /// <summary>The next feed that reads loses its broker.</summary>
    public bool LoseNextRead { get; set; }

    public static FeedRecord Of(int partition, long offset, HourPartial partial) =>
        new(partition, offset, RecordKeys.HourPartial(partial.Hour, partial.Partition), partial.ToByteArray(), Type(RecordTypes.HourPartial));

    public static FeedRecord Of(int partition, long offset, Progress progress) =>
        new(partition, offset, RecordKeys.Progress(progress.Partition), progress.ToByteArray(), Type(RecordTypes.Progress));

    public void Add(HourPartial partial)
    {
        lock (_gate) Append(partial.Partition, offset => Of(partial.Partition, offset, partial));
    }

    public void Add(Progress progress)
    {
        lock (_gate)
        {
            Append(progress.Partition, offset => Of(progress.Partition, offset, progress));
            // The marker that ends the transaction.
            _ends[progress.Partition]++;
        }
    }

    public void Add(int partition, byte[] key, byte[]? value, string? type = null)
    {
        lock (_gate)
            Append(partition, offset => new FeedRecord(partition, offset, key, value, type is null ? null : Type(Encoding.ASCII.GetBytes(type))));
    }

    /// <summary>Keeps only the newest record of each key, as a compacted topic may at any time.</summary>
    public void Compact()
    {
        lock (_gate)
        {
            for (var p = 0; p < partitions; p++)
                _records[p] = [.. _records[p].GroupBy(r => Encoding.ASCII.GetString(r.Key!)).Select(g => g.Last()).OrderBy(r => r.Offset)];
        }
    }

    /// <summary>As if somebody had deleted and made the topic again.</summary>
    public void Recreate()
    {
        lock (_gate)
        {
            for (var p = 0; p < partitions; p++)
            {
                _records[p].Clear();
                _ends[p] = 0;
            }
        }
    }

    public IPartialFeed Open(string group, IFeedListener listener) => new Feed(this, listener);

    private static Headers Type(byte[] type) => new() { { RecordTypes.Header, type } };

    private void Append(int partition, Func<long, FeedRecord> record) => _records[partition].Add(record(_ends[partition]++));

    private sealed class Feed(MemoryTopic topic, IFeedListener listener) : IPartialFeed
    {
        private readonly long?[] _positions = new long?[topic.Partitions];
        private readonly HashSet<int> _paused = [];
        private bool _assigned;

        public bool Answers => true;

        public FeedRecord? Read(TimeSpan wait)
        {
            if (topic.LoseNextRead)
            {
                topic.LoseNextRead = false;
                throw new FeedLostException("the test says so");
            }
            if (!_assigned)
            {
                _assigned = true;
                var starts = listener.Assigned([.. Enumerable.Range(0, topic.Partitions)]);
                for (var p = 0; p < topic.Partitions; p++) _positions[p] = starts[p];
            }
            using var never = new ManualResetEventSlim();
            for (var left = wait; ; left -= TimeSpan.FromMilliseconds(2))
            {
                if (Next() is { } record) return record;
                if (left <= TimeSpan.Zero) return null;
                never.Wait(2);
            }
        }

        public void Seek(int partition, long position) => _positions[partition] = position;

        public void Pause(IReadOnlyCollection<int> partitions) => _paused.UnionWith(partitions);

        public void Resume(IReadOnlyCollection<int> partitions) => _paused.ExceptWith(partitions);

        public (long Low, long High) QueryEnds(int partition)
        {
            lock (topic._gate) return (0, topic._ends[partition]);
        }

        public void Close()
        {
        }

        public void Dispose()
        {
        }

        private FeedRecord? Next()
        {
            lock (topic._gate)
            {
                for (var p = 0; p < topic.Partitions; p++)
                {
                    if (_positions[p] is not { } position || _paused.Contains(p)) continue;
                    if (position > topic._ends[p])
                    {
                        _positions[p] = null;
                        listener.OutOfRange(p);
                        continue;
                    }
                    if (topic._records[p].Find(r => r.Offset >= position) is not { } record) continue;
                    _positions[p] = record.Offset + 1;
                    return record;
                }
                return null;
            }
        }
    }
}
