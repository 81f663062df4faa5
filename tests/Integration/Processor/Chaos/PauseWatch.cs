using System.Collections.Concurrent;
using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>When a reader of committed records sees each partition move on.</summary>
public sealed class PauseWatch : IAsyncDisposable
{
    private readonly KafkaOptions _kafka;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<int, List<long>> _moves = [];
    private readonly Task _run;

    public PauseWatch(KafkaOptions kafka)
    {
        _kafka = kafka;
        for (var p = 0; p < kafka.Partitions; p++) _moves[p] = [];
        _run = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Of each partition the longest time without a move that lay in a span, in ms.</summary>
    /// <param name="from">Begin of the span, in ms of the system's uptime.</param>
    /// <param name="to">Its end.</param>
    public IEnumerable<long> LongestPauses(long from, long to) => _moves.Values.Select(moves =>
    {
        lock (moves)
        {
            long[] at = [from, .. moves.Where(move => move > from && move < to), to];
            return at.Zip(at.Skip(1), (one, next) => next - one).Max();
        }
    });

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
    }

    private void Run()
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(_kafka, "watch", "pause-watch")).Build();
        consumer.Assign(Enumerable.Range(0, _kafka.Partitions).Select(p => new TopicPartitionOffset(_kafka.Topics.Hours, p, 0)));
        var offsets = new Dictionary<int, long>();
        while (!_stop.IsCancellationRequested)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { IsPartitionEOF: false } record || !RecordKeys.IsProgress(record.Message.Key)) continue;
            var progress = Progress.Parser.ParseFrom(record.Message.Value);
            if (progress.NextOffset <= offsets.GetValueOrDefault(progress.Partition)) continue;
            offsets[progress.Partition] = progress.NextOffset;
            var moves = _moves[progress.Partition];
            lock (moves) moves.Add(Environment.TickCount64);
        }
    }
}
