using System.IO.Compression;
using Confluent.Kafka;

namespace Tally.Feed;

/// <summary>Frames of a file, a line each, gzipped or not, as they are and without a key.</summary>
/// <param name="path">Of the file.</param>
public sealed class FrameFileSource(string path) : IFeedSource
{
    public string Topic => "frames";

    public (string Name, int Count)? Inside => null;

    public IEnumerable<(int? Partition, Message<byte[]?, byte[]?> Message)> Records
    {
        get
        {
            using var text = new StreamReader(Open());
            while (text.ReadLine() is { } line)
                if (line.Length > 0) yield return (null, new Message<byte[]?, byte[]?> { Value = System.Text.Encoding.UTF8.GetBytes(line) });
        }
    }

    /// <summary>The file that was named, or the first of frames in the folder.</summary>
    /// <exception cref="FormatException">There is none; says what to do.</exception>
    public static string Find(string named, string folder)
    {
        if (named.Length > 0) return File.Exists(named) ? named : throw new FormatException($"FILE is '{named}', which is not there");
        var found = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.jsonl*").Order(StringComparer.Ordinal).FirstOrDefault() : null;
        return found ?? throw new FormatException($"no file of frames (*.jsonl, *.jsonl.gz) in {folder}: name one with FILE=stream.jsonl.gz");
    }

    private Stream Open()
    {
        var file = File.OpenRead(path);
        return path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}
