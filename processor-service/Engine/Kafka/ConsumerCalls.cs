using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>What is asked of a consumer whose records come another way.</summary>
internal static class ConsumerCalls
{
    /// <summary>Lets it call its handlers.</summary>
    /// <param name="consumer">Any.</param>
    /// <param name="isRead">It reads its partitions, by a queue of their own: a record that comes here would be missing there.</param>
    /// <exception cref="SessionEndException">It can read no more.</exception>
    public static void Serve(IConsumer<Ignore, Ignore> consumer, bool isRead)
    {
        try
        {
            if (consumer.Consume(TimeSpan.Zero) is { IsPartitionEOF: false } stray && isRead)
                throw new CorruptedException($"Consume: a record of partition {stray.Partition.Value} came by the wrong way.");
        }
        catch (ConsumeException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
    }
}
