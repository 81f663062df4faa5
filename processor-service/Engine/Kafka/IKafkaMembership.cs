using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Under whose membership the offsets of an input are committed.</summary>
public interface IKafkaMembership
{
    /// <summary>The input topic.</summary>
    string Topic { get; }

    IConsumerGroupMetadata Membership { get; }
}
