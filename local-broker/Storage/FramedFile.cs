using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>What a file of the data folder holds. The numbers are stored: never reuse one.</summary>
internal enum FileKind : byte
{
    Catalog = 1,
    SegmentCheckpoint = 2,
    LogStart = 3,
    ProducerIds = 4,
    Transactions = 5,
    Groups = 6,
    CleanedTo = 7,
}

/// <summary>
/// The head of every file but the segments: "TLYB", kind, version, two spare bytes. And whole small files written aside and renamed, with a CRC.
/// </summary>
internal static class FramedFile
{
    public const int HeadSize = 8;
    private static ReadOnlySpan<byte> Magic => "TLYB"u8;

    public static void WriteHead(Span<byte> head, FileKind kind, byte version)
    {
        Magic.CopyTo(head);
        head[4] = (byte)kind;
        head[5] = version;
        head[6] = head[7] = 0;
    }

    /// <summary>Throws with a sentence when the file is another kind or from a newer version.</summary>
    public static byte CheckHead(string path, ReadOnlySpan<byte> head, FileKind kind, byte newest)
    {
        if (head.Length < HeadSize || !head[..4].SequenceEqual(Magic) || head[4] != (byte)kind)
            throw new DataFolderException($"{path} is damaged or not a {kind} file of local-broker.");
        if (head[5] > newest)
            throw new DataFolderException($"{path} was written by a newer local-broker (format {head[5]}, this one knows {newest}).");
        return head[5];
    }

    /// <summary>Replaces a small file as a whole: written aside, flushed if asked, renamed.</summary>
    public static void Replace(string path, FileKind kind, byte version, ReadOnlySpan<byte> payload, bool flush)
    {
        var content = new byte[HeadSize + 4 + payload.Length];
        WriteHead(content, kind, version);
        BinaryPrimitives.WriteUInt32BigEndian(content.AsSpan(HeadSize), Crc32C.Of(payload));
        payload.CopyTo(content.AsSpan(HeadSize + 4));
        string aside = path + ".tmp";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None, 0))
        {
            file.Write(content);
            file.Flush(flush);
        }

        File.Move(aside, path, overwrite: true);
        if (flush)
            FolderFlush.Flush(Path.GetDirectoryName(path)!);
    }

    /// <summary>The payload, or null when there is no such file. A wrong CRC is damage.</summary>
    public static byte[]? TryLoad(string path, FileKind kind, byte newest)
    {
        if (!File.Exists(path))
            return null;
        byte[] content = File.ReadAllBytes(path);
        CheckHead(path, content, kind, newest);
        ReadOnlySpan<byte> payload = content.AsSpan(Math.Min(content.Length, HeadSize + 4));
        if (content.Length < HeadSize + 4 || BinaryPrimitives.ReadUInt32BigEndian(content.AsSpan(HeadSize)) != Crc32C.Of(payload))
            throw new DataFolderException($"{path} is damaged: its checksum does not match. Put back a copy of it.");
        return payload.ToArray();
    }
}
