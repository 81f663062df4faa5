using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Engine.Kafka.Fetching;
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
    private readonly KafkaReplayLog _events;
    private readonly DeadLetterWriter _letters;
    private readonly List<OutputRecord> _dead = [];
    private readonly ColourSetsState _state;
    private readonly ColourAccount _account;
    private readonly ColourMetrics _metrics;
    private readonly ILogger _logger;
    private bool _changed = true;

    public ColourTask(KafkaOptions kafka, ProcessorOptions options, ColourBoard board, HoldingLimits limits, TimeProvider clock, ILogger logger)
    {
        (_board, _clock, _logger) = (board, clock, logger);
        (_topic, _progressTopic, _deadLetterTopic) = (kafka.Topics.Colours, kafka.Topics.ColoursProgress, kafka.Topics.ColoursDeadLetter);
        _letters = new DeadLetterWriter(_topic, options.DeadLetterBytes);
        var producing = KafkaClientConfig.Producer(kafka, $"tally-processor-{options.Instance}-colours-output");
        // The same one everywhere: there is one owner.
        producing.TransactionalId = $"{options.TransactionalIdPrefix}-owner";
        producing.TransactionTimeoutMs = (int)options.TransactionTimeout.TotalMilliseconds;
        producing.EnableDeliveryReports = false;
        _producer = new ProducerBuilder<byte[]?, byte[]?>(producing).LogTo(logger).Build();
        var reading = KafkaClientConfig.Consumer(kafka, $"tally-processor-{options.Instance}-colours-input", options.Group);
        reading.AutoOffsetReset = AutoOffsetReset.Earliest;
        // A record takes some twenty bytes in the topic and three hundred once it is fetched: small pieces, or fetching takes more memory than holding.
        reading.MaxPartitionFetchBytes = 128 << 10;
        reading.QueuedMaxMessagesKbytes = 1024;
        reading.QueuedMinMessages = 5_000;
        reading.FetchWaitMaxMs = 50;
        try
        {
            _producer.InitTransactions(Limit);
            var ends = LookAround(reading, out var progress);
            _state = new ColourSetsState(limits, ends.Length, progress, clock.GetUtcNow().ToUnixTimeMilliseconds());
            _metrics = new ColourMetrics(progress);
            _account = new ColourAccount(_topic, ends.Length, clock);
            // What retention removed will never be read.
            for (var p = 0; p < ends.Length; p++) _state.Reached(p, ends[p].Low);
            _events = new KafkaReplayLog(reading, _topic, [.. ends.Select((end, p) => new PartitionOffset(p, end.Low))], isInput: true, new FetchRoute(kafka, options), logger);
        }
        catch
        {
            _producer.Dispose();
            throw;
        }
    }

    /// <summary>Runs as long as <paramref name="mayGoOn"/> says so.</summary>
    /// <exception cref="KafkaException">Another owner, or no broker.</exception>
    /// <exception cref="SessionEndException">The events can be read no more.</exception>
    public void Run(Func<bool> mayGoOn)
    {
        var committed = _clock.GetTimestamp();
        var shown = false;
        while (mayGoOn())
        {
            if (shown && !_board.Vouch()) Prove();
            // Waiting holds nobody up who reads.
            if (_events.TryRead(Wait, out var first))
            {
                using var changing = _board.Change();
                Take(first);
                for (var n = 1; n < RecordsBetweenLooks && _events.TryRead(TimeSpan.Zero, out var next); n++) Take(next);
            }
            if (!shown && _state.Restored)
            {
                _board.Show(_state, _account);
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

    private void Take(in LogRecord record)
    {
        if (record.IsEnd)
        {
            _state.Reached(record.Partition, record.Offset);
            _account.ReachedEnd(record.Partition);
            return;
        }
        _account.Read(record.Partition, record.TimestampMs);
        _changed = true;
        if (_state.Take(record.Partition, record.Offset, record.Value) is { } why)
            _dead.Add(_letters.Write(record, Outcome.DeadLetter(DeadLetterReasons.InvalidColour, why)));
    }

    /// <summary>Stopped or starved for so long it may have been replaced without having heard of it yet. Then it cannot commit.</summary>
    private void Prove()
    {
        _changed = true;
        Commit();
        _board.Vouch(proven: true);
    }

    private void Commit()
    {
        if (!_changed) return;
        ColoursProgress progress;
        using (_board.Change()) progress = _state.Progress(_clock.GetUtcNow().ToUnixTimeMilliseconds());
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
        _metrics.Committed(progress);
        _dead.Clear();
        _changed = false;
    }

    /// <summary>Ends of the events, and the last progress there is; what a former owner left open was ended when the transactional id was initialised.</summary>
    private (long Low, long High)[] LookAround(ConsumerConfig config, out ColoursProgress? progress)
    {
        using var probe = new ConsumerBuilder<byte[]?, byte[]?>(config).LogTo(_logger).Build();
        using var admin = new DependentAdminClientBuilder(probe.Handle).Build();
        var found = admin.GetMetadata(_topic, Limit).Topics[0];
        if (found.Error.IsError) throw new KafkaException(found.Error);
        progress = LastProgress(probe);
        return [.. Enumerable.Range(0, found.Partitions.Count).Select(p => probe.AskEnds(new TopicPartition(_topic, p), Limit))];
    }

    private ColoursProgress? LastProgress(IConsumer<byte[]?, byte[]?> probe)
    {
        probe.Assign(new TopicPartitionOffset(_progressTopic, 0, Offset.Beginning));
        ColoursProgress? last = null;
        while (probe.Consume(Limit) is { } result)
        {
            if (result.IsPartitionEOF) return last;
            if (result.Message.Value is { } value) last = ColoursProgress.Parser.ParseFrom(value);
        }
        throw new KafkaException(new Error(ErrorCode.Local_TimedOut, $"The end of {_progressTopic} was not reached in {Limit.TotalSeconds} s"));
    }
}
