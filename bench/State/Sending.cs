using Confluent.Kafka;

namespace Tally.Bench.State;

/// <summary>Produces as fast as the broker takes it.</summary>
public static class Sending
{
    public static void Produce<TKey, TValue>(IProducer<TKey, TValue> producer, TopicPartition to, Message<TKey, TValue> message)
    {
        while (true)
        {
            try
            {
                producer.Produce(to, message);
                return;
            }
            catch (ProduceException<TKey, TValue> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(20));
            }
        }
    }
}
