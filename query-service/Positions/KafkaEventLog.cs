using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.QueryService.Positions;

/// <summary>
/// Asks Kafka where the events' topic ends, for all reads that wait together, from a thread of its own; ends once seen are remembered. While Kafka is
/// away it is asked once a second and nobody waits for it: reading does not depend on Kafka.
/// </summary>
public sealed partial class KafkaEventLog(
    IOptions<KafkaOptions> kafka, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<KafkaEventLog> logger)
    : DedicatedLoop("event-log", lifetime, clock, logger), IEventLog
{
    private const int MaxQuestions = 10_000;
    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LeftAloneFor = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CountKeptFor = TimeSpan.FromSeconds(10);

    private readonly string _topic = kafka.Value.Topics.Events;
    private readonly ConcurrentDictionary<int, long> _ends = new();
    private readonly BlockingCollection<Question> _questions = new(MaxQuestions);
    private readonly TimeProvider _clock = clock;
    private readonly ILogger _logger = logger;
    private int _partitions;
    private long _countedAt;
    private long? _failedAt;

    public Task<PositionCheck> CheckAsync(PositionSet positions, CancellationToken cancellation)
    {
        if (positions.All.All(p => p.Offset < _ends.GetValueOrDefault(p.Partition))) return Task.FromResult(PositionCheck.Written);
        var question = new Question(positions);
        return _questions.TryAdd(question) ? question.Answer.Task.WaitAsync(cancellation) : Task.FromResult(PositionCheck.Unknown);
    }

    protected override void Run(CancellationToken stopping)
    {
        using var consumer = Open();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        while (true)
        {
            Beat();
            List<Question> together = [_questions.Take(stopping)];
            while (_questions.TryTake(out var another)) together.Add(another);
            LookUp(consumer, admin, [.. together.SelectMany(q => q.Positions.All)]);
            foreach (var question in together) question.Answer.TrySetResult(Judge(question.Positions));
        }
    }

    private PositionCheck Judge(PositionSet positions)
    {
        if (_failedAt is not null) return PositionCheck.Unknown;
        if (positions.All.Any(p => p.Partition >= _partitions)) return PositionCheck.UnknownPartition;
        return positions.All.Any(p => p.Offset >= _ends.GetValueOrDefault(p.Partition)) ? PositionCheck.BeyondEnd : PositionCheck.Written;
    }

    private void LookUp(IConsumer<Ignore, Ignore> consumer, IAdminClient admin, List<(int Partition, long Offset)> positions)
    {
        if (_failedAt is { } failed && _clock.GetElapsedTime(failed) < LeftAloneFor) return;
        try
        {
            if (_partitions == 0 || _clock.GetElapsedTime(_countedAt) > CountKeptFor) Count(admin);
            foreach (var partition in positions.Where(p => p.Partition < _partitions && p.Offset >= _ends.GetValueOrDefault(p.Partition))
                .Select(p => p.Partition).Distinct())
                _ends[partition] = consumer.QueryWatermarkOffsets(new TopicPartition(_topic, partition), QuestionLimit).High.Value;
            _failedAt = null;
        }
        catch (KafkaException e)
        {
            if (_failedAt is null) Silent(_logger, _topic, e.Error.Code);
            _failedAt = _clock.GetTimestamp();
        }
    }

    private void Count(IAdminClient admin)
    {
        var topic = admin.GetMetadata(_topic, QuestionLimit).Topics[0];
        if (topic.Error.IsError) throw new KafkaException(topic.Error);
        _partitions = topic.Partitions.Count;
        _countedAt = _clock.GetTimestamp();
    }

    private IConsumer<Ignore, Ignore> Open()
    {
        try
        {
            var config = KafkaClientConfig.Consumer(kafka.Value, "query-service", "tally-query");
            // Events are written without transactions; what was acknowledged lies below the high watermark.
            config.IsolationLevel = IsolationLevel.ReadUncommitted;
            config.AllowAutoCreateTopics = false;
            return new ConsumerBuilder<Ignore, Ignore>(config).LogTo(_logger).Build();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or KafkaException)
        {
            throw new ConfigurationException($"Kafka:Client holds a value the Kafka client refuses: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private sealed record Question(PositionSet Positions)
    {
        public TaskCompletionSource<PositionCheck> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(EventId = 4201, Level = LogLevel.Warning,
        Message = "Kafka does not tell the end of {Topic} ({Error}); reads wait for their positions without that check")]
    private static partial void Silent(ILogger logger, string topic, ErrorCode error);
}
