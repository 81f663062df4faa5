using System.Buffers.Binary;
using System.Text;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Unit.Processor.Fetching;

/// <summary>An answer to Fetch, version 11, written by hand.</summary>
public static class FetchAnswer
{
    /// <param name="partitions">What it says of each, in their order.</param>
    public static byte[] Of(params Part[] partitions)
    {
        using var bytes = new MemoryStream();
        void Int(long value, int size)
        {
            Span<byte> wide = stackalloc byte[8];
            BinaryPrimitives.WriteInt64BigEndian(wide, value);
            bytes.Write(wide[(8 - size)..]);
        }
        Int(0, 4);
        Int(7, 4);
        Int(0, 4);
        Int(0, 2);
        Int(0, 4);
        Int(1, 4);
        Int(6, 2);
        bytes.Write(Encoding.ASCII.GetBytes("events"));
        Int(partitions.Length, 4);
        foreach (var part in partitions)
        {
            Int(part.Partition, 4);
            Int(part.Error, 2);
            Int(part.End, 8);
            Int(part.End, 8);
            Int(0, 8);
            Int(part.Aborted.Length, 4);
            foreach (var (producer, first) in part.Aborted)
            {
                Int(producer, 8);
                Int(first, 8);
            }
            Int(-1, 4);
            byte[] records = [.. part.Batches.SelectMany(batch => batch.Build())];
            Int(records.Length - part.CutOff, 4);
            bytes.Write(records, 0, records.Length - part.CutOff);
        }
        var answer = bytes.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(answer, answer.Length - 4);
        return answer;
    }

    /// <param name="Partition">Its number.</param>
    /// <param name="End">Last stable offset and high watermark.</param>
    /// <param name="Batches">In the order of their offsets.</param>
    public sealed record Part(int Partition, long End, params WireBatch[] Batches)
    {
        public int Error { get; init; }
        public (long Producer, long First)[] Aborted { get; init; } = [];

        /// <summary>Bytes that are missing at the end.</summary>
        public int CutOff { get; init; }
    }
}
