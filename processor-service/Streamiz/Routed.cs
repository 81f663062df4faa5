using Confluent.Kafka;
using Streamiz.Kafka.Net.SerDes;

namespace Tally.ProcessorService.Streamiz;

/// <summary>A record on its way out of the topology: where it goes is the task's choice, not the key's.</summary>
public sealed record Routed(string Topic, int Partition, byte[]? Value);

/// <summary>Writes the value; the topology never reads one.</summary>
public sealed class RoutedSerDes : AbstractSerDes<Routed>
{
    public override byte[] Serialize(Routed data, SerializationContext context) => data.Value!;

    public override Routed Deserialize(byte[] data, SerializationContext context) => throw new NotSupportedException("The topology only writes these.");
}
