using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.Feed;

/// <summary>Arrays of flows of this hour and the five before it, between a hundred services.</summary>
/// <param name="count">Arrays.</param>
/// <param name="array">Flows in each.</param>
public sealed class FlowSource(long count, int array, int seed, TimeProvider clock) : IFeedSource
{
    private const int Services = 100;
    private static readonly Headers Headers = new() { { RecordTypes.Header, RecordTypes.FlowArray } };

    public string Topic => "flows";

    public (string Name, int Count)? Inside => ("flows", array);

    public IEnumerable<(int? Partition, Message<byte[]?, byte[]?> Message)> Records
    {
        get
        {
            var random = new Random(seed);
            var hour = Hours.Of(clock.GetUtcNow().ToUnixTimeMilliseconds());
            for (long n = 0; n < count; n++)
            {
                var flows = new FlowArray();
                for (var i = 0; i < array; i++)
                    flows.Flows.Add(new Flow
                    {
                        SrcApp = $"service-{random.Next(Services)}",
                        DestApp = $"service-{random.Next(Services)}",
                        VpcId = $"vpc-{random.Next(4)}",
                        BytesTx = random.Next(1_000_000),
                        BytesRx = random.Next(1_000_000),
                        Hour = hour - random.Next(6),
                    });
                yield return (null, new Message<byte[]?, byte[]?> { Value = flows.ToByteArray(), Headers = Headers });
            }
        }
    }
}
