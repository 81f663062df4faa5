using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor.Flows;

/// <summary>Arrays drawn by seed: few names so that sums meet, some large enough to overflow, some retries, some that must not count.</summary>
internal static class FlowArrays
{
    public static readonly Headers Headers = new() { { RecordTypes.Header, RecordTypes.FlowArray } };

    private static readonly string[] Names = ["foo", "bar", "ü", "a|b", "a b", "日本", "f", "fo", new string('x', FlowNames.BytesMax)];

    public static Flow Of(string src, string dest, string vpc, long tx, long rx, long hour) =>
        new() { SrcApp = src, DestApp = dest, VpcId = vpc, BytesTx = tx, BytesRx = rx, Hour = hour };

    public static FlowArray Draw(Random random, int most = 8)
    {
        var array = new FlowArray();
        for (var n = random.Next(1, most + 1); n > 0; n--)
            array.Flows.Add(Of(Name(random), Name(random), $"vpc-{random.Next(2)}", Bytes(random), Bytes(random), random.Next(3)));
        return array;
    }

    /// <summary>Makes one of its flows wrong.</summary>
    public static FlowArray Spoil(FlowArray array, Random random)
    {
        var flow = array.Flows[random.Next(array.Flows.Count)];
        switch (random.Next(7))
        {
            case 0: flow.SrcApp = ""; break;
            case 1: flow.DestApp = new string('x', FlowNames.BytesMax + 1); break;
            case 2: flow.VpcId = "a\tb"; break;
            case 3: flow.BytesTx = -1; break;
            case 4: flow.BytesRx = long.MinValue; break;
            case 5: flow.SrcApp = "a\u0085b"; break;
            default: flow.Hour = -1; break;
        }
        return array;
    }

    public static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    public static byte[] Bytes(this FlowArray array) => array.ToByteArray();

    private static string Name(Random random) => Names[random.Next(Names.Length)];

    private static long Bytes(Random random) => random.Next(20) switch
    {
        0 => 0,
        1 => random.NextInt64(long.MaxValue),
        2 => long.MaxValue,
        _ => random.Next(1_000_000),
    };
}
