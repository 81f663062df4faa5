using System.Buffers.Binary;
using System.IO.Compression;

namespace Tally.Tests.Support.Wire;

/// <summary>A batch's records in each of Kafka's codecs, packed as simply as its format allows, for at most 255 bytes.</summary>
public static class PackedRecords
{
    /// <param name="codec">0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.</param>
    /// <param name="records">The records as they stand in a batch, 16 to 255 bytes.</param>
    public static byte[] Pack(int codec, byte[] records) => codec switch
    {
        1 => Gzip(records, 1),
        // A literal with a one-byte length behind the unpacked length.
        2 => [(byte)((records.Length & 0x7F) | 0x80), (byte)(records.Length >> 7), 60 << 2, (byte)(records.Length - 1), .. records],
        3 => Lz4Frame([0xF0, (byte)(records.Length - 15), .. records]),
        // One raw block.
        4 => [0x28, 0xB5, 0x2F, 0xFD, 0x20, (byte)records.Length, (byte)((records.Length << 3) | 1), (byte)(records.Length >> 5), 0, .. records],
        _ => records,
    };

    public static byte[] Gzip(byte[] data, int times)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true))
        {
            for (int i = 0; i < times; i++)
                gzip.Write(data);
        }

        return target.ToArray();
    }

    public static byte[] Lz4Frame(byte[] block)
    {
        var size = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(size, block.Length);
        return [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82, .. size, .. block, 0, 0, 0, 0];
    }

    /// <summary>A Zstandard frame that unpacks to one byte, <paramref name="blocks"/> times 128 KiB of it.</summary>
    public static byte[] ZstdRuns(int blocks)
    {
        // No content size, a window of 128 KiB; blocks of type RLE, the last one marked.
        var frame = new List<byte> { 0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38 };
        for (int i = 0; i < blocks; i++)
        {
            int head = ((128 * 1024) << 3) | (1 << 1) | (i == blocks - 1 ? 1 : 0);
            frame.AddRange([(byte)head, (byte)(head >> 8), (byte)(head >> 16), 0x61]);
        }

        return [.. frame];
    }
}
