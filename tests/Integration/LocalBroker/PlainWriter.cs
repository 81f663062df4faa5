using System.Collections.Concurrent;
using Confluent.Kafka;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>
/// Writes rising numbers with an idempotent producer and remembers which were acknowledged. A number's key is its remainder, so that each key stays in one
/// partition. A producer that fails is replaced.
/// </summary>
internal sealed class PlainWriter(string bootstrapServers, string topic, int partitions)
{
    public const int Keys = 60;
    private const int InFlightMax = 50;
    private int _next;

    public ConcurrentDictionary<int, bool> Acknowledged { get; } = new();

    public void Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
            RunOne(stop);
    }

    private void RunOne(CancellationToken stop)
    {
        bool failed = false;
        int inFlight = 0;
        using IProducer<int, int> producer = new ProducerBuilder<int, int>(new ProducerConfig
        {
            BootstrapServers = bootstrapServers,
            EnableIdempotence = true,
            LingerMs = 1,
            MessageTimeoutMs = 20_000,
            ReconnectBackoffMs = 20,
            ReconnectBackoffMaxMs = 100,
        }).SetErrorHandler((_, e) => failed |= e.IsFatal).SetLogHandler((_, _) => { }).Build();
        while (!stop.IsCancellationRequested && !Volatile.Read(ref failed))
        {
            if (Volatile.Read(ref inFlight) >= InFlightMax)
            {
                producer.Poll(TimeSpan.FromMilliseconds(1));
                continue;
            }

            int number = _next++;
            Interlocked.Increment(ref inFlight);
            try
            {
                producer.Produce(new TopicPartition(topic, number % partitions), new Message<int, int> { Key = number % Keys, Value = number }, report =>
                {
                    Interlocked.Decrement(ref inFlight);
                    if (report.Error.IsError)
                        Volatile.Write(ref failed, true);
                    else
                        Acknowledged[number] = true;
                });
            }
            catch (ProduceException<int, int>)
            {
                failed = true;
            }
        }

        producer.Flush(TimeSpan.FromSeconds(5));
    }
}
