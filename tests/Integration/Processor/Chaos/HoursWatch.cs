using System.Collections.Concurrent;
using System.Text;
using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>Reads the committed hours while everything breaks: no value may fall, no offset go back, no partial be ahead of its progress.</summary>
public sealed class HoursWatch : IAsyncDisposable
{
    private readonly KafkaOptions _kafka;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, HourPartial> _partials = [];
    private readonly ConcurrentDictionary<int, Progress> _progress = [];
    private readonly ConcurrentQueue<string> _faults = [];
    private readonly Task _run;

    public HoursWatch(KafkaOptions kafka)
    {
        _kafka = kafka;
        _run = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>What was seen that must never be.</summary>
    public IReadOnlyCollection<string> Faults => _faults;

    /// <summary>Outcomes committed so far, over all partitions.</summary>
    public long Outcomes => _progress.Values.Sum(p => p.Outcomes.Counted + p.Outcomes.Duplicate + p.Outcomes.DeadLettered.Values.Sum());

    public long Duplicates => _progress.Values.Sum(p => p.Outcomes.Duplicate);

    public Dictionary<long, (long Clicks, long Impressions, long Users)> Hours => _partials.Values.GroupBy(h => h.Hour)
        .ToDictionary(g => g.Key, g => (g.Sum(h => h.Clicks), g.Sum(h => h.Impressions), g.Sum(h => h.UniqueUsers)));

    /// <summary>Partials are up to date with the progress of every partition.</summary>
    public bool HasReached(IReadOnlyDictionary<int, long> ends) => ends.All(end => _progress.TryGetValue(end.Key, out var progress) && progress.NextOffset == end.Value);

    /// <summary>What <see cref="HasReached"/> waits for, for people.</summary>
    public string Missing(IReadOnlyDictionary<int, long> ends) => string.Join("; ", ends.Where(end => !HasReached(new Dictionary<int, long> { [end.Key] = end.Value }))
        .Select(end => $"partition {end.Key} is at {(_progress.TryGetValue(end.Key, out var progress) ? progress.NextOffset : -1)} of {end.Value}"));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
    }

    private void Run()
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(_kafka, "watch", "chaos-watch"))
            .SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, _kafka.Partitions).Select(p => new TopicPartitionOffset(_kafka.Topics.Hours, p, 0)));
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is { IsPartitionEOF: false } record) Take(record);
            }
            catch (ConsumeException e) when (!e.Error.IsFatal)
            {
                // A broker is away: that is what the run is for.
            }
        }
    }

    private void Take(ConsumeResult<byte[], byte[]> record)
    {
        if (RecordKeys.IsProgress(record.Message.Key))
        {
            var progress = Progress.Parser.ParseFrom(record.Message.Value);
            if (_progress.TryGetValue(progress.Partition, out var before) && (progress.NextOffset < before.NextOffset || progress.AsOfMs < before.AsOfMs))
                _faults.Enqueue($"progress of partition {progress.Partition} went back from {before.NextOffset} to {progress.NextOffset}");
            _progress[progress.Partition] = progress;
            return;
        }
        var partial = HourPartial.Parser.ParseFrom(record.Message.Value);
        var key = Encoding.ASCII.GetString(record.Message.Key);
        if (_partials.TryGetValue(key, out var last)
            && (partial.NextOffset <= last.NextOffset || partial.Clicks < last.Clicks || partial.Impressions < last.Impressions || partial.UniqueUsers < last.UniqueUsers))
            _faults.Enqueue($"{key} went back from {last} to {partial}");
        _partials[key] = partial;
    }
}
