using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Unit.Frames;

namespace Tally.Tests.Integration.Processor;

/// <summary>The topics of the frames job on some broker: frames go in, what comes out is read committed.</summary>
public sealed class FrameTopics(string bootstrap, int partitions)
{
    private readonly List<MadeFrame> _made = [];

    public KafkaOptions Kafka { get; } = new() { BootstrapServers = bootstrap, Partitions = partitions };

    /// <summary>Records written to the input so far.</summary>
    public int Produced { get; private set; }

    public Task CreateAsync() => TopicCreation.EnsureAsync(Kafka, NullLogger.Instance, CancellationToken.None);

    public void Produce(IReadOnlyCollection<MadeFrame> frames, params string[] poison)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(KafkaClientConfig.Producer(Kafka, "test")).Build();
        foreach (var frame in frames) producer.Produce(new TopicPartition(Kafka.Topics.Frames, frame.Partition), new Message<Null, byte[]> { Value = frame.Json() });
        foreach (var text in poison) producer.Produce(new TopicPartition(Kafka.Topics.Frames, text.Length % partitions), new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes(text) });
        producer.Flush(Eventually.Patience);
        _made.AddRange(frames);
        Produced += frames.Count + poison.Length;
    }

    /// <summary>Unique users and frames of each window, recounted plainly from all that was produced and is not wild.</summary>
    public Dictionary<(string Kind, long Start), (long Users, long Frames)> Recount() =>
        _made.Where(frame => !frame.IsWild).SelectMany(frame => WindowKinds.All.Select(kind => (Window: Window.Of(kind, frame.Seconds), frame.User)))
            .GroupBy(f => (f.Window.Kind.Name(), f.Window.Start)).ToDictionary(g => g.Key, g => ((long)g.Select(f => f.User).Distinct().Count(), (long)g.Count()));

    /// <summary>Waits until the outcomes of all partitions add up to everything that was produced.</summary>
    public void WaitUntilAllIsCounted()
    {
        var progress = new Dictionary<int, Progress>();
        Read(Kafka.Topics.FramesProgress, partitions, record =>
        {
            if (!RecordKeys.IsProgress(record.Message.Key)) return false;
            progress[record.Partition] = Progress.Parser.ParseFrom(record.Message.Value);
            return Outcomes(progress.Values) == Produced;
        }, () => $"{Outcomes(progress.Values)} of {Produced} frames counted");
    }

    /// <summary>The last result of each window, and how many there were.</summary>
    public (Dictionary<(string Kind, long Start), (long Users, long Frames, string State)> Last, int Count) Results()
    {
        var last = new Dictionary<(string, long), (long, long, string)>();
        var count = 0;
        foreach (var record in ReadAll(Kafka.Topics.UniqueUsers, 1))
        {
            var result = JsonDocument.Parse(record.Message.Value).RootElement;
            count++;
            last[(result.GetProperty("window").GetString()!, result.GetProperty("start").GetInt64())] =
                (result.GetProperty("unique_users").GetInt64(), result.GetProperty("frames").GetInt64(), result.GetProperty("state").GetString()!);
        }
        return (last, count);
    }

    /// <summary>Dead letters by reason.</summary>
    public Dictionary<string, int> DeadLetters() =>
        ReadAll(Kafka.Topics.FramesDeadLetter, partitions).GroupBy(r => Encoding.UTF8.GetString(r.Message.Headers.GetLastBytes(DeadLetterHeaders.Reason)))
            .ToDictionary(g => g.Key, g => g.Count());

    private static long Outcomes(IEnumerable<Progress> progress) => progress.Sum(p => p.Outcomes.Counted + p.Outcomes.Corrected + p.Outcomes.DeadLettered.Values.Sum());

    private List<ConsumeResult<byte[]?, byte[]>> ReadAll(string topic, int count)
    {
        var records = new List<ConsumeResult<byte[]?, byte[]>>();
        var ended = new HashSet<int>();
        Read(topic, count, record =>
        {
            if (record.IsPartitionEOF) ended.Add(record.Partition);
            else records.Add(record);
            return ended.Count == count;
        }, () => $"{topic} has no end", withEnds: true);
        return records;
    }

    private void Read(string topic, int count, Func<ConsumeResult<byte[]?, byte[]>, bool> take, Func<string> what, bool withEnds = false)
    {
        var config = KafkaClientConfig.Consumer(Kafka, "test-reader", "test-reader");
        config.IsolationLevel = IsolationLevel.ReadCommitted;
        config.EnablePartitionEof = true;
        using var consumer = new ConsumerBuilder<byte[]?, byte[]>(config).Build();
        consumer.Assign(Enumerable.Range(0, count).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var until = Environment.TickCount64 + (long)Eventually.Patience.TotalMilliseconds;
        while (Environment.TickCount64 < until)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not { } record || (record.IsPartitionEOF && !withEnds)) continue;
            if (take(record)) return;
        }
        Assert.Fail($"after {Eventually.Patience.TotalSeconds} s: {what()}");
    }
}
