using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>Unpacks LZ4 frames as Kafka's producers write them. Checksums inside the frame are skipped: the batch has its own.</summary>
internal static class Lz4
{
    private const uint FrameMagic = 0x184D2204;
    private const int MatchMin = 4;

    public static byte[] Unpack(ReadOnlySpan<byte> frame, int bytesMax)
    {
        if (frame.Length < 7 || BinaryPrimitives.ReadUInt32LittleEndian(frame) != FrameMagic)
            throw new InvalidDataException("not an LZ4 frame");
        byte flags = frame[4];
        bool blockChecksums = (flags & 0x10) != 0, contentSize = (flags & 0x08) != 0;
        int at = 4 + 2 + (contentSize ? 8 : 0) + 1;
        var target = new UnpackedBytes(frame.Length * 4, bytesMax);
        while (true)
        {
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(frame[at..]);
            at += 4;
            if (size == 0)
                return target.ToArray();
            int length = (int)(size & 0x7FFFFFFF);
            ReadOnlySpan<byte> block = frame.Slice(at, length);
            if ((size & 0x80000000) != 0)
                target.Append(block);
            else
                UnpackBlock(block, target);
            at += length + (blockChecksums ? 4 : 0);
        }
    }

    private static void UnpackBlock(ReadOnlySpan<byte> block, UnpackedBytes target)
    {
        int at = 0;
        while (at < block.Length)
        {
            byte token = block[at++];
            int literals = Extend(block, ref at, token >> 4);
            target.Append(block.Slice(at, literals));
            at += literals;
            if (at >= block.Length)
                return;
            int distance = BinaryPrimitives.ReadUInt16LittleEndian(block[at..]);
            at += 2;
            target.Repeat(distance, Extend(block, ref at, token & 0x0F) + MatchMin);
        }
    }

    private static int Extend(ReadOnlySpan<byte> block, ref int at, int length)
    {
        if (length < 15)
            return length;
        byte more;
        do
        {
            more = block[at++];
            length = checked(length + more);
        }
        while (more == 255);
        return length;
    }
}
