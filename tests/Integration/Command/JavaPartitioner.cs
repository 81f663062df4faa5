namespace Tally.Tests.Integration.Command;

/// <summary>Kafka's default partitioner for keys, written anew from its description: murmur2 with the seed 0x9747b28c, sign bit off, modulo.</summary>
internal static class JavaPartitioner
{
    private const uint M = 0x5bd1e995;

    public static int Partition(byte[] key, int partitions) => (int)((uint)Murmur2(key) & 0x7fffffff) % partitions;

    public static int Murmur2(byte[] data)
    {
        var h = 0x9747b28c ^ (uint)data.Length;
        var whole = data.Length / 4 * 4;
        for (var i = 0; i < whole; i += 4)
        {
            var k = BitConverter.ToUInt32(data, i) * M;
            h = (h * M) ^ ((k ^ (k >> 24)) * M);
        }
        if (data.Length > whole)
        {
            for (var i = data.Length - 1; i >= whole; i--) h ^= (uint)data[i] << (8 * (i - whole));
            h *= M;
        }
        h = (h ^ (h >> 13)) * M;
        return (int)(h ^ (h >> 15));
    }
}
