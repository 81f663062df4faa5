using System.Buffers.Binary;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>The hash by which Kafka's producers choose a partition (murmur2 as Kafka's Java client computes it).</summary>
public static class Murmur2
{
    private const uint Seed = 0x9747b28c;
    private const uint M = 0x5bd1e995;

    /// <returns>The partition a keyed record belongs to.</returns>
    public static int Partition(ReadOnlySpan<byte> key, int partitionCount) => (int)(Hash(key) & 0x7fffffff) % partitionCount;

    public static uint Hash(ReadOnlySpan<byte> data)
    {
        var h = Seed ^ (uint)data.Length;
        for (; data.Length >= 4; data = data[4..])
        {
            var k = BinaryPrimitives.ReadUInt32LittleEndian(data) * M;
            k = (k ^ (k >> 24)) * M;
            h = (h * M) ^ k;
        }
        if (data.Length > 2) h ^= (uint)data[2] << 16;
        if (data.Length > 1) h ^= (uint)data[1] << 8;
        if (data.Length > 0) h = (h ^ data[0]) * M;
        h = (h ^ (h >> 13)) * M;
        return h ^ (h >> 15);
    }
}
