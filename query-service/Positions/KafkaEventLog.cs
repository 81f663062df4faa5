using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.QueryService.Positions;

/// <summary>
/// Asks Kafka where topics end, for all reads that wait together, from a thread of its own; ends once seen are remembered. While Kafka is
/// away it is asked once a second and nobody waits for it: reading does not depend on Kafka. By itself it tells of the events' topic.
/// </summary>
public sealed partial class KafkaEventLog(
    IOptions<KafkaOptions> kafka, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<KafkaEventLog> logger)
    : DedicatedLoop("event-log", lifetime, clock, logger), IEventLog
{
    private const int MaxQuestions = 10_000;
    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LeftAloneFor = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CountKeptFor = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<(string Topic, int Partition), long> _ends = new();
    private readonly Dictionary<string, (int Partitions, long CountedAt)> _counts = [];
    private readonly BlockingCollection<Question> _questions = new(MaxQuestions);
    private readonly TimeProvider _clock = clock;
    private readonly ILogger _logger = logger;
    private long? _failedAt;

    public Task<PositionCheck> CheckAsync(PositionSet positions, CancellationToken cancellation) =>
        CheckAsync(kafka.Value.Topics.Events, positions, cancellation);

    /// <summary>The same for another topic.</summary>
    public IEventLog Of(string topic) => new OtherTopic(this, topic);

    private Task<PositionCheck> CheckAsync(string topic, PositionSet positions, CancellationToken cancellation)
    {
        if (positions.All.All(p => p.Offset < End(topic, p.Partition))) return Task.FromResult(PositionCheck.Written);
        var question = new Question(topic, positions);
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
            foreach (var ofTopic in together.GroupBy(q => q.Topic)) LookUp(consumer, admin, ofTopic.Key, [.. ofTopic.SelectMany(q => q.Positions.All)]);
            foreach (var question in together) question.Answer.TrySetResult(Judge(question));
        }
    }

    private long End(string topic, int partition) => _ends.GetValueOrDefault((topic, partition));

    private PositionCheck Judge(Question question)
    {
        if (_failedAt is not null) return PositionCheck.Unknown;
        if (question.Positions.All.Any(p => p.Partition >= _counts[question.Topic].Partitions)) return PositionCheck.UnknownPartition;
        return question.Positions.All.Any(p => p.Offset >= End(question.Topic, p.Partition)) ? PositionCheck.BeyondEnd : PositionCheck.Written;
    }

    private void LookUp(IConsumer<Ignore, Ignore> consumer, IAdminClient admin, string topic, List<(int Partition, long Offset)> positions)
    {
        if (_failedAt is { } failed && _clock.GetElapsedTime(failed) < LeftAloneFor) return;
        try
        {
            var partitions = Count(admin, topic);
            foreach (var partition in positions.Where(p => p.Partition < partitions && p.Offset >= End(topic, p.Partition)).Select(p => p.Partition).Distinct())
                _ends[(topic, partition)] = consumer.AskEnd(new TopicPartition(topic, partition), QuestionLimit);
            _failedAt = null;
        }
        catch (KafkaException e)
        {
            if (_failedAt is null) Silent(_logger, topic, e.Error.Code);
            _failedAt = _clock.GetTimestamp();
        }
    }

    private int Count(IAdminClient admin, string name)
    {
        if (_counts.TryGetValue(name, out var known) && _clock.GetElapsedTime(known.CountedAt) <= CountKeptFor) return known.Partitions;
        var topic = admin.GetMetadata(name, QuestionLimit).Topics[0];
        if (topic.Error.IsError) throw new KafkaException(topic.Error);
        _counts[name] = (topic.Partitions.Count, _clock.GetTimestamp());
        return topic.Partitions.Count;
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

    private sealed class OtherTopic(KafkaEventLog log, string topic) : IEventLog
    {
        public Task<PositionCheck> CheckAsync(PositionSet positions, CancellationToken cancellation) => log.CheckAsync(topic, positions, cancellation);
    }

    private sealed record Question(string Topic, PositionSet Positions)
    {
        public TaskCompletionSource<PositionCheck> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(EventId = 4201, Level = LogLevel.Warning,
        Message = "Kafka does not tell the end of {Topic} ({Error}); reads wait for their positions without that check")]
    private static partial void Silent(ILogger logger, string topic, ErrorCode error);
}
