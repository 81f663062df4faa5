using Microsoft.Win32.SafeHandles;

namespace Tally.ProcessorService.State.Files;

/// <summary>Files of this machine.</summary>
public sealed class LocalFiles : IStateFiles
{
    private const string LockFile = "lock";

    public void CreateDirectory(string path) => Directory.CreateDirectory(path);

    public IReadOnlyList<string> List(string directory) => [.. Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path))];

    public IStateWriter Create(string path) => new Writer(File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None));

    public IStateReader Open(string path) => new Reader(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete));

    public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    public void Delete(string path) => File.Delete(path);

    public IDisposable Lock(string directory) =>
        File.OpenHandle(Path.Combine(directory, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    private sealed class Writer(SafeFileHandle file) : IStateWriter
    {
        private long _length;

        public void Write(ReadOnlySpan<byte> bytes)
        {
            RandomAccess.Write(file, bytes, _length);
            _length += bytes.Length;
        }

        public void Dispose() => file.Dispose();
    }

    private sealed class Reader(SafeFileHandle file) : IStateReader
    {
        public long Length { get; } = RandomAccess.GetLength(file);

        public void Read(long offset, Span<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                var read = RandomAccess.Read(file, bytes, offset);
                if (read == 0) throw new EndOfStreamException("The file ends before its time.");
                bytes = bytes[read..];
                offset += read;
            }
        }

        public void Dispose() => file.Dispose();
    }
}
