using System.Collections.Concurrent;
using Confluent.Kafka;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>
/// Writes rising numbers, each in one transaction over all partitions of "whole" together with an offset of group "etl", and remembers how each ended.
/// Every fifth is aborted. After an error nobody knows the outcome; the producer is replaced by one with the same id, which settles it.
/// Little patience with a commit makes many of them. It leaves no transaction open when it is stopped: committed readers would see nothing of what
/// others committed behind it until it times out.
/// </summary>
internal sealed class TransactionalWriter(string bootstrapServers, int slot, TimeSpan patience)
{
    public const int Partitions = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private int _next = 1;

    public int Slot => slot;

    public ConcurrentDictionary<int, bool> Committed { get; } = new();

    public ConcurrentDictionary<int, bool> Unknown { get; } = new();

    /// <summary>How many records the transaction has in each partition.</summary>
    public static int RecordsOf(int number) => (number % 3) + 1;

    public void Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                RunOne(stop);
            }
            catch (KafkaException)
            {
                // A new producer with the same id aborts what is open.
            }
        }

        using IProducer<int, int> last = NewProducer();
        last.InitTransactions(Limit);
    }

    private void RunOne(CancellationToken stop)
    {
        using IProducer<int, int> producer = NewProducer();
        producer.InitTransactions(Limit);
        var group = new SimpleGroup(bootstrapServers);
        while (!stop.IsCancellationRequested)
        {
            int number = _next++;
            producer.BeginTransaction();
            for (int partition = 0; partition < Partitions; partition++)
            {
                for (int i = RecordsOf(number); i > 0; i--)
                    producer.Produce(new TopicPartition("whole", partition), new Message<int, int> { Key = slot, Value = number });
            }

            producer.SendOffsetsToTransaction([new TopicPartitionOffset("in", slot, number)], group.Metadata, Limit);
            if (number % 5 == 0)
            {
                producer.AbortTransaction(Limit);
                continue;
            }

            // So that the patience is spent on the commit itself.
            producer.Flush(Limit);
            Unknown[number] = true;
            producer.CommitTransaction(patience);
            Committed[number] = true;
            Unknown.TryRemove(number, out _);
        }
    }

    private IProducer<int, int> NewProducer() =>
        new ProducerBuilder<int, int>(new ProducerConfig
        {
            BootstrapServers = bootstrapServers,
            TransactionalId = $"whole-writer-{slot}",
            LingerMs = 0,
            TransactionTimeoutMs = 10_000,
            MessageTimeoutMs = 10_000,
            SocketTimeoutMs = 5000,
            ReconnectBackoffMs = 20,
            ReconnectBackoffMaxMs = 100,
        }).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();

    /// <summary>Metadata of a group that nobody is a member of: offsets are then taken without a check of the generation.</summary>
    private sealed class SimpleGroup
    {
        public SimpleGroup(string bootstrapServers)
        {
            using IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(
                new ConsumerConfig { BootstrapServers = bootstrapServers, GroupId = "etl" }).Build();
            Metadata = consumer.ConsumerGroupMetadata;
        }

        public IConsumerGroupMetadata Metadata { get; }
    }
}
