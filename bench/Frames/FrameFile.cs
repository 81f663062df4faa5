using System.IO.Compression;
using System.Text;

namespace Tally.Bench.Frames;

/// <summary>Frames of a file in memory, a line each.</summary>
internal static class FrameFile
{
    public static byte[][] Read(string file)
    {
        using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(File.OpenRead(file), CompressionMode.Decompress) : File.OpenRead(file);
        using var text = new StreamReader(stream);
        return [.. text.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes)];
    }
}
