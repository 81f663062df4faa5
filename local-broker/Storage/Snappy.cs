using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>Unpacks Snappy as Kafka's producers write it: bare, or in the chunked form of the Java library.</summary>
internal static class Snappy
{
    private const int ChunkedHead = 16;

    private static ReadOnlySpan<byte> ChunkedMagic => [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    public static byte[] Unpack(ReadOnlySpan<byte> packed, int bytesMax)
    {
        var target = new UnpackedBytes(packed.Length * 4, bytesMax);
        if (packed.Length < ChunkedHead || !packed[..ChunkedMagic.Length].SequenceEqual(ChunkedMagic))
        {
            UnpackBlock(packed, target);
            return target.ToArray();
        }

        for (int at = ChunkedHead; at < packed.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(packed[at..]);
            at += sizeof(int);
            UnpackBlock(packed.Slice(at, length), target);
            at += length;
        }

        return target.ToArray();
    }

    private static void UnpackBlock(ReadOnlySpan<byte> block, UnpackedBytes target)
    {
        int at = 0;
        // The unpacked length, a varint; the target keeps count itself.
        while ((block[at++] & 0x80) != 0)
        {
        }

        while (at < block.Length)
        {
            int tag = block[at++];
            switch (tag & 3)
            {
                case 0:
                    int length = LiteralLength(block, ref at, tag >> 2);
                    target.Append(block.Slice(at, length));
                    at += length;
                    break;
                case 1:
                    target.Repeat(((tag >> 5) << 8) | block[at++], ((tag >> 2) & 7) + 4);
                    break;
                case 2:
                    target.Repeat(BinaryPrimitives.ReadUInt16LittleEndian(block[at..]), (tag >> 2) + 1);
                    at += 2;
                    break;
                default:
                    target.Repeat(BinaryPrimitives.ReadInt32LittleEndian(block[at..]), (tag >> 2) + 1);
                    at += 4;
                    break;
            }
        }
    }

    private static int LiteralLength(ReadOnlySpan<byte> block, ref int at, int code)
    {
        if (code < 60)
            return code + 1;
        int bytes = code - 59, length = 0;
        for (int i = 0; i < bytes; i++)
            length |= block[at++] << (8 * i);
        return checked(length + 1);
    }
}
