using System.IO.Compression;

namespace Tally.LocalBroker.Storage;

/// <summary>Unpacks the records of a batch where the broker must look at them: offsets by time, keys of compacted topics.</summary>
internal static class Decompression
{
    private const int UnpackedBytesMax = 64 * 1024 * 1024;

    /// <summary>False for a codec that cannot be read here: Zstandard without its library. <paramref name="unpacked"/> is null when the records were never packed.</summary>
    public static bool TryRecords(ReadOnlySpan<byte> batch, out byte[]? unpacked)
    {
        unpacked = null;
        ReadOnlySpan<byte> packed = batch[RecordBatch.HeaderSize..];
        try
        {
            switch (BatchHeader.Read(batch).Codec)
            {
                case Codec.None:
                    return true;
                case Codec.Gzip:
                    unpacked = Gunzip(packed);
                    return true;
                case Codec.Snappy:
                    unpacked = Snappy.Unpack(packed, UnpackedBytesMax);
                    return true;
                case Codec.Lz4:
                    unpacked = Lz4.Unpack(packed, UnpackedBytesMax);
                    return true;
                case Codec.Zstd when Zstd.IsAvailable:
                    unpacked = Zstd.Unpack(packed, UnpackedBytesMax);
                    return true;
                default:
                    return false;
            }
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException("The packed records end too early.", e);
        }
    }

    private static byte[] Gunzip(ReadOnlySpan<byte> packed)
    {
        using var source = new MemoryStream(packed.ToArray());
        using var gzip = new GZipStream(source, CompressionMode.Decompress);
        using var target = new MemoryStream();
        var chunk = new byte[64 * 1024];
        for (int read = gzip.Read(chunk); read > 0; read = gzip.Read(chunk))
        {
            if (target.Length + read > UnpackedBytesMax)
                throw new InvalidDataException("The unpacked records are too large.");
            target.Write(chunk, 0, read);
        }

        return target.ToArray();
    }
}
