using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.ProcessorService.Engine.Kafka.Fetching;

namespace Tally.Bench.Broker;

/// <summary>The same client doing the same work on whichever broker it is given.</summary>
internal sealed class Workload(string bootstrap)
{
    public const int Partitions = 4;
    private const int TransactionRecords = 1000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public void CreateTopic(string topic)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = Partitions, ReplicationFactor = 1 }]).GetAwaiter().GetResult();
    }

    /// <summary>Records a second, acks=all, idempotent, until the last is confirmed. A first one to each partition is not timed: see <see cref="Greet"/>.</summary>
    public double Produce(string topic, int records, int size, bool transactions)
    {
        var config = new ProducerConfig
        {
            BootstrapServers = bootstrap,
            Acks = Acks.All,
            EnableIdempotence = true,
            LingerMs = 5,
            DeliveryReportFields = "status",
            // Room for all: a full queue makes the client wait by the millisecond, and then the clock measures that.
            QueueBufferingMaxMessages = 1_000_000,
            QueueBufferingMaxKbytes = 1_000_000,
            TransactionalId = transactions ? topic : null,
        };
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(config).Build();
        if (transactions) producer.InitTransactions(Limit);
        byte[] value = new byte[size];
        new Random(1).NextBytes(value);
        var message = new Message<Null, byte[]> { Value = value };
        int failed = 0;
        void Report(DeliveryReport<Null, byte[]> report)
        {
            if (report.Error.IsError) Interlocked.Increment(ref failed);
        }

        Greet(producer, topic, message, transactions);
        long begun = Stopwatch.GetTimestamp();
        for (int i = 0; i < records; i++)
        {
            if (transactions && i % TransactionRecords == 0) producer.BeginTransaction();
            var partition = new TopicPartition(topic, i % Partitions);
            while (true)
            {
                try
                {
                    producer.Produce(partition, message, Report);
                    break;
                }
                catch (ProduceException<Null, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                {
                    producer.Poll(TimeSpan.FromMilliseconds(1));
                }
            }
            if (transactions && (i + 1) % TransactionRecords == 0) producer.CommitTransaction(Limit);
        }
        producer.Flush(Limit);
        double rate = records / Stopwatch.GetElapsedTime(begun).TotalSeconds;
        return failed == 0 ? rate : throw new InvalidOperationException($"{failed} records were not confirmed");
    }

    /// <summary>Records a second from the first to the last, read committed, taken in batches: by calls of one record the client is what is measured.</summary>
    public unsafe double Consume(string topic, int records)
    {
        using IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(ConsumerConfig()).Build();
        using var fetched = new FetchedRecords(consumer);
        int[] partitions = [.. Enumerable.Range(0, Partitions)];
        fetched.Follow(topic, partitions);
        consumer.Assign(partitions.Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        long begun = 0;
        for (int read = 0; read < records;)
        {
            if (!fetched.TryFill(Limit)) throw new InvalidOperationException($"only {read} of {records} records came");
            for (NativeMessage* message = fetched.Next(); message is not null; message = fetched.Next())
                if (message->Error == 0 && read++ == 0) begun = Stopwatch.GetTimestamp();
        }
        return records / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    /// <summary>From Produce to Consume at a steady rate, in ms: p50 and p99. The first second is left out.</summary>
    public (double P50, double P99) Latency(string topic, int perSecond, int seconds)
    {
        int records = perSecond * seconds;
        var sent = new long[records];
        var delays = new List<double>(records);
        using IConsumer<Ignore, byte[]> consumer = new ConsumerBuilder<Ignore, byte[]>(ConsumerConfig()).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var reading = new Thread(() =>
        {
            for (int i = 0; i < records; i++)
            {
                ConsumeResult<Ignore, byte[]>? result = consumer.Consume(Limit);
                if (result is null) return;
                int number = BitConverter.ToInt32(result.Message.Value);
                if (number >= perSecond) delays.Add(Stopwatch.GetElapsedTime(sent[number]).TotalMilliseconds);
            }
        });
        reading.Start();
        using IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            Acks = Acks.All,
            EnableIdempotence = true,
            LingerMs = 0,
            EnableDeliveryReports = false,
        }).Build();
        using var tick = new ManualResetEventSlim();
        long begun = Stopwatch.GetTimestamp();
        for (int i = 0; i < records;)
        {
            int due = Math.Min(records, (int)(Stopwatch.GetElapsedTime(begun).TotalSeconds * perSecond));
            for (; i < due; i++)
            {
                byte[] value = new byte[200];
                BitConverter.TryWriteBytes(value, i);
                sent[i] = Stopwatch.GetTimestamp();
                producer.Produce(new TopicPartition(topic, i % Partitions), new Message<Null, byte[]> { Value = value });
            }
            tick.Wait(1);
        }
        producer.Flush(Limit);
        reading.Join();
        delays.Sort();
        return (delays[delays.Count / 2], delays[(int)(delays.Count * 0.99)]);
    }

    // The client looks for the partitions of a topic it has just heard of when it connects, or else once a second. Which of the two it is depends on
    // whether the connection or the first call to produce is ready sooner, so a quick broker lost up to a second here and a slow one none.
    private static void Greet(IProducer<Null, byte[]> producer, string topic, Message<Null, byte[]> message, bool transactions)
    {
        if (transactions) producer.BeginTransaction();
        for (int partition = 0; partition < Partitions; partition++) producer.Produce(new TopicPartition(topic, partition), message);
        if (transactions) producer.CommitTransaction(Limit);
        else producer.Flush(Limit);
    }

    private ConsumerConfig ConsumerConfig() => new()
    {
        BootstrapServers = bootstrap,
        GroupId = "bench",
        EnableAutoCommit = false,
        EnableAutoOffsetStore = false,
        IsolationLevel = IsolationLevel.ReadCommitted,
        ConsumeResultFields = "none",
        FetchWaitMaxMs = 100,
        // Room for all here too: with a full queue the client stops asking and looks again by the second.
        QueuedMinMessages = 1_000_000,
        QueuedMaxMessagesKbytes = 1_000_000,
    };
}
