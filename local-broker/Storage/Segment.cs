using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Tally.LocalBroker.Storage;

/// <summary>An aborted transaction in one partition: its first record and its marker.</summary>
internal readonly record struct AbortedRange(long ProducerId, long FirstOffset, long MarkerOffset);

/// <summary>
/// One file of a partition's log: batches as they came, one after the other. Fields change under the partition's lock only; reading the file itself
/// needs no lock, because bytes below <see cref="Size"/> never change.
/// </summary>
internal sealed class Segment : IDisposable
{
    public const string LogSuffix = ".log";
    public const string CheckpointSuffix = ".checkpoint";

    private Segment(string path, long baseOffset, SafeFileHandle file)
    {
        (Path, BaseOffset, File) = (path, baseOffset, file);
        LastOffset = baseOffset - 1;
    }

    public string Path { get; }

    public long BaseOffset { get; }

    public SafeFileHandle File { get; }

    public OffsetIndex Index { get; } = new();

    public List<AbortedRange> Aborted { get; } = [];

    /// <summary>Bytes of complete batches.</summary>
    public int Size { get; set; }

    /// <summary>Offset of the last record, <see cref="BaseOffset"/> - 1 when empty.</summary>
    public long LastOffset { get; set; }

    public long MaxTimestamp { get; set; } = -1;

    /// <summary>When the first batch was appended, for segment.ms; -1 when empty.</summary>
    public long FirstAppendAt { get; set; } = -1;

    /// <summary>How far the checkpoint file beside the log reaches.</summary>
    public int CheckpointedSize { get; set; }

    public string CheckpointPath => System.IO.Path.ChangeExtension(Path, CheckpointSuffix);

    public static Segment Open(string folder, long baseOffset, FileMode mode)
    {
        string path = System.IO.Path.Combine(folder, FileName(baseOffset));
        return new Segment(path, baseOffset, System.IO.File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read));
    }

    public static string FileName(long baseOffset) => baseOffset.ToString("D20", CultureInfo.InvariantCulture) + LogSuffix;

    public static bool TryParseName(string fileName, out long baseOffset) =>
        long.TryParse(System.IO.Path.GetFileNameWithoutExtension(fileName), NumberStyles.None, CultureInfo.InvariantCulture, out baseOffset);

    /// <summary>Takes note of a batch that now lies at the end of the file.</summary>
    public void Appended(in BatchHeader header, long now)
    {
        Index.Note(header.BaseOffset, Size, MaxTimestamp);
        Size += header.Size;
        LastOffset = header.LastOffset;
        MaxTimestamp = Math.Max(MaxTimestamp, header.MaxTimestamp);
        if (FirstAppendAt < 0)
            FirstAppendAt = now;
    }

    public void Dispose() => File.Dispose();

    public void Delete()
    {
        Dispose();
        // The checkpoint first: one that outlives its log would vouch for another log of the same name.
        System.IO.File.Delete(CheckpointPath);
        System.IO.File.Delete(Path);
    }
}
