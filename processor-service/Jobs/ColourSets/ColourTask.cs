using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>One ownership of the colours: restore, count, commit. It ends with the first fault; the next one begins from the topics.</summary>
public sealed class ColourTask : IDisposable
{
    private const int RecordsBetweenLooks = 2000;
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CommitEvery = TimeSpan.FromSeconds(1);
    private static readonly byte[] ProgressKey = Encoding.ASCII.GetBytes("colours");

    private readonly ColourBoard _board;
    private readonly TimeProvider _clock;
    private readonly string _topic;
    private readonly string _progressTopic;
    private readonly string _deadLetterTopic;
    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly IConsumer<byte[]?, byte[]?> _events;
    private readonly DeadLetterWriter _letters;
    private readonly List<OutputRecord> _dead = [];
    private readonly ColourSetsState _state;
    private readonly int _partitions;
    private bool _changed = true;

    public ColourTask(KafkaOptions kafka, ProcessorOptions options, ColourBoard board, HoldingLimits limits, TimeProvider clock, ILogger logger)
    {
        (_board, _clock, _topic, _progressTopic, _deadLetterTopic) = (board, clock, kafka.Topics.Colours, kafka.Topics.ColoursProgress, kafka.Topics.ColoursDeadLetter);
        _letters = new DeadLetterWriter(_topic, options.DeadLetterBytes);
        var producing = KafkaClientConfig.Producer(kafka, $"tally-processor-{options.Instance}-colours-output");
        // The same one everywhere: there is one owner.
        producing.TransactionalId = $"{options.TransactionalIdPrefix}-owner";
        producing.TransactionTimeoutMs = (int)options.TransactionTimeout.TotalMilliseconds;
        producing.EnableDeliveryReports = false;
        _producer = new ProducerBuilder<byte[]?, byte[]?>(producing).LogTo(logger).Build();
        _producer.InitTransactions(Limit);

        var reading = KafkaClientConfig.Consumer(kafka, $"tally-processor-{options.Instance}-colours-input", options.Group);
        reading.AutoOffsetReset = AutoOffsetReset.Earliest;
        reading.QueuedMaxMessagesKbytes = 4096;
        reading.QueuedMinMessages = 20_000;
        reading.FetchWaitMaxMs = 50;
        reading.ConsumeResultFields = "none";
        _events = new ConsumerBuilder<byte[]?, byte[]?>(reading).LogTo(logger).Build();
        _partitions = CountPartitions();
        _state = new ColourSetsState(limits, _partitions, ReadProgress(), clock.GetUtcNow().ToUnixTimeMilliseconds());
        _events.Assign(Enumerable.Range(0, _partitions).Select(p => new TopicPartitionOffset(_topic, p, Offset.Beginning)));
    }

    /// <summary>Runs as long as <paramref name="mayGoOn"/> says so.</summary>
    /// <exception cref="KafkaException">Another owner, or no broker.</exception>
    public void Run(Func<bool> mayGoOn)
    {
        var ends = Enumerable.Range(0, _partitions).Select(p => _events.QueryWatermarkOffsets(new TopicPartition(_topic, p), Limit)).ToArray();
        // What retention removed will never be read.
        for (var p = 0; p < _partitions; p++) _state.Reached(p, ends[p].Low);
        var committed = _clock.GetTimestamp();
        var shown = false;
        while (mayGoOn())
        {
            // Waiting holds nobody up who reads.
            if (_events.Consume(Wait) is { } first) _board.Change(() => TakeSome(first));
            if (!shown && _state.Restored)
            {
                _board.Show(_state);
                shown = true;
            }
            if (!shown || _clock.GetElapsedTime(committed) < CommitEvery) continue;
            Commit();
            committed = _clock.GetTimestamp();
        }
        if (shown) Commit();
    }

    public void Dispose()
    {
        _events.Dispose();
        _producer.Dispose();
    }

    private void TakeSome(ConsumeResult<byte[]?, byte[]?> first)
    {
        var result = first;
        for (var n = 0; n < RecordsBetweenLooks && result is not null; n++, result = _events.Consume(TimeSpan.Zero)) Take(result);
        if (result is not null) Take(result);
    }

    private void Take(ConsumeResult<byte[]?, byte[]?> result)
    {
        if (result.IsPartitionEOF)
        {
            _state.Reached(result.Partition, result.Offset);
            return;
        }
        _changed = true;
        var value = result.Message.Value ?? [];
        if (_state.Take(result.Partition, result.Offset, value) is not { } why) return;
        _dead.Add(_letters.Write(new LogRecord
        {
            Partition = result.Partition,
            Offset = result.Offset,
            HasKey = result.Message.Key is not null,
            Key = result.Message.Key,
            HasValue = result.Message.Value is not null,
            Value = value,
        }, Outcome.DeadLetter(DeadLetterReasons.InvalidColour, why)));
    }

    private void Commit()
    {
        if (!_changed) return;
        ColoursProgress progress = null!;
        _board.Change(() => progress = _state.Progress(_clock.GetUtcNow().ToUnixTimeMilliseconds()));
        _producer.BeginTransaction();
        foreach (var letter in _dead)
            _producer.Produce(_deadLetterTopic, new Message<byte[]?, byte[]?> { Key = letter.Key, Value = letter.Value, Headers = letter.Headers });
        _producer.Produce(_progressTopic, new Message<byte[]?, byte[]?>
        {
            Key = ProgressKey,
            Value = progress.ToByteArray(),
            Headers = new Headers { { RecordTypes.Header, RecordTypes.ColoursProgress } },
        });
        _producer.CommitTransaction(Limit);
        _dead.Clear();
        _changed = false;
    }

    private int CountPartitions()
    {
        using var admin = new DependentAdminClientBuilder(_events.Handle).Build();
        var found = admin.GetMetadata(_topic, Limit).Topics[0];
        if (found.Error.IsError) throw new KafkaException(found.Error);
        return found.Partitions.Count;
    }

    /// <summary>The last progress there is; what a former owner left open was ended when the transactional id was initialised.</summary>
    private ColoursProgress? ReadProgress()
    {
        var place = new TopicPartition(_progressTopic, 0);
        _events.Assign(new TopicPartitionOffset(place, Offset.Beginning));
        ColoursProgress? last = null;
        while (_events.Consume(Limit) is { } result)
        {
            if (result.IsPartitionEOF) return last;
            if (result.Message.Value is { } value) last = ColoursProgress.Parser.ParseFrom(value);
        }
        throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"The end of {_progressTopic} was not reached in {Limit.TotalSeconds} s"));
    }
}
