using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Bench.State;

/// <summary>
/// A week of commits of 100 ms, a few events each, 95 % of them of the current hour, written to the changelog of a broker as the engine writes it, for the
/// broker to compact. Two things are not as in a real week: it takes minutes, and there are no transactions, so no markers either.
/// </summary>
public static class Week
{
    private const int Partitions = 8;
    private const int HoursOfWeek = 168;

    /// <param name="bootstrap">A broker without Tally's topics.</param>
    /// <param name="eventsPerCommit">Over all partitions.</param>
    /// <param name="usersPerHour">Of whom each event is one.</param>
    /// <param name="commitsPerHour">36,000 for every 100 ms.</param>
    public static int Run(string bootstrap, int eventsPerCommit, int usersPerHour, int commitsPerHour)
    {
        NativeKafkaLibrary.Load();
        var kafka = new KafkaOptions { BootstrapServers = bootstrap, Partitions = Partitions };
        TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        var options = new ProcessorOptions();
        var job = new HourlyAnalyticsJob(kafka.Topics, new UserHasher(new byte[32]), 1, options.ChunkHashes, null);
        var letters = new DeadLetterWriter(job.Topics.Input, options.DeadLetterBytes);
        using var changelog = new ChangelogAlone(kafka, job.Topics);
        var tasks = Enumerable.Range(0, Partitions).Select(p => new PartitionTask(job, p, Partitions, job.CreateTask(p, Partitions), letters)).ToArray();
        var (random, made) = (new Random(1), new MadeEvents("current", long.MaxValue, 1));
        for (var commit = 0L; commit < (long)HoursOfWeek * commitsPerHour; commit++)
        {
            var current = commit / commitsPerHour;
            for (var n = 0; n < eventsPerCommit; n++)
            {
                made.Make(random.Next(usersPerHour), random.Next(20) > 0 ? current : random.NextInt64(current + 1));
                // Before the begin of the input topic, which is empty: so the progress that is written fits it.
                tasks[Murmur2.Partition(made.Key, Partitions)].Process(
                    new LogRecord { Offset = -1, TimestampMs = commit, HasKey = true, HasValue = true, Key = made.Key, Value = made.Value.Span });
            }
            foreach (var task in tasks.Where(task => task.Unwritten > 0)) task.Write(changelog, commit, commit, []);
        }
        changelog.Flush();
        foreach (var task in tasks) task.Dispose();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"week: {(long)HoursOfWeek * commitsPerHour} commits of {eventsPerCommit} events wrote {changelog.Records} changelog records and {changelog.Bytes / 1_000_000} MB for {changelog.Uniques} uniques"));
        return 0;
    }

    private sealed class ChangelogAlone(KafkaOptions kafka, JobTopics topics) : ITransactionLog
    {
        private readonly IProducer<byte[]?, byte[]?> _producer = new ProducerBuilder<byte[]?, byte[]?>(KafkaClientConfig.Producer(kafka, "bench")).Build();
        private readonly Dictionary<(long Hour, int Partition), long> _uniques = [];

        public long Records { get; private set; }
        public long Bytes { get; private set; }
        public long Uniques => _uniques.Values.Sum();

        public void Write(string topic, int partition, in OutputRecord record)
        {
            if (topic == topics.Output && !RecordKeys.IsProgress(record.Key))
            {
                var partial = HourPartial.Parser.ParseFrom(record.Value);
                _uniques[(partial.Hour, partition)] = partial.UniqueUsers;
            }
            if (topic != topics.Changelog) return;
            Records++;
            Bytes += (record.Key?.Length ?? 0) + (record.Value?.Length ?? 0);
            Sending.Produce(_producer, new TopicPartition(topic, partition), new Message<byte[]?, byte[]?> { Key = record.Key, Value = record.Value, Headers = record.Headers });
        }

        public void Flush() => _producer.Flush(TimeSpan.FromMinutes(2));

        public void Dispose() => _producer.Dispose();

        public void Begin() => throw new NotSupportedException();

        public ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit) => throw new NotSupportedException();

        public void Commit(TimeSpan limit) => throw new NotSupportedException();
    }
}
