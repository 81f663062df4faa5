using Tally.ProcessorService.State.Files;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// A disk in memory that nothing is flushed to: a power cut may lose, cut, blank or flip whatever was written since the last one. A hook
/// before each step throws what a disk throws.
/// </summary>
public sealed class MemoryFiles : IStateFiles
{
    private readonly Dictionary<string, Content> _files = [];
    private readonly HashSet<string> _locks = [];

    /// <summary>Called before each step by its name; what it throws is the fault.</summary>
    public Action<string> Step { get; set; } = _ => { };

    /// <summary>Called with the new path of each file that got its name.</summary>
    public Action<string> Renamed { get; set; } = _ => { };

    public IEnumerable<string> Paths => _files.Keys;

    public long Bytes => _files.Values.Sum(file => file.Bytes.Count);

    public List<byte> this[string path] => _files[path].Bytes;

    /// <summary>Nothing that was not flushed is safe; and now and then an old bit turns.</summary>
    public void CutPower(Random random)
    {
        foreach (var (path, file) in _files.ToArray())
        {
            var fate = file.IsNew ? random.Next(8) : random.Next(200);
            file.IsNew = false;
            var bytes = file.Bytes;
            if (bytes.Count == 0) continue;
            var from = random.Next(bytes.Count);
            if (fate == 0) _files.Remove(path);
            else if (fate == 1) bytes.RemoveRange(from, bytes.Count - from);
            else if (fate == 2) for (var i = from; i < bytes.Count; i++) bytes[i] = 0;
            else if (fate == 3) bytes[from] ^= (byte)(1 << random.Next(8));
        }
    }

    /// <summary>The disk is as it was.</summary>
    public void Restore(IReadOnlyDictionary<string, byte[]> files)
    {
        _files.Clear();
        foreach (var (path, bytes) in files)
        {
            _files[path] = new Content { IsNew = false };
            _files[path].Bytes.AddRange(bytes);
        }
    }

    public void CreateDirectory(string path) => Step("create directory");

    public IReadOnlyList<string> List(string directory)
    {
        Step("list");
        return [.. _files.Keys.Where(path => Path.GetDirectoryName(path) == directory).Select(path => Path.GetFileName(path))];
    }

    public IStateWriter Create(string path)
    {
        Step("create");
        var file = new Content();
        _files[path] = file;
        return new Writer(this, file);
    }

    public IStateReader Open(string path)
    {
        Step("open");
        return _files.TryGetValue(path, out var file) ? new Reader(this, file) : throw new FileNotFoundException("no such file", path);
    }

    public void Rename(string from, string to)
    {
        Step("rename");
        if (!_files.Remove(from, out var file)) throw new FileNotFoundException("no such file", from);
        _files[to] = file;
        Renamed(to);
    }

    public void Delete(string path)
    {
        Step("delete");
        _files.Remove(path);
    }

    public IDisposable Lock(string directory)
    {
        Step("lock");
        if (!_locks.Add(directory)) throw new IOException("locked");
        return new Unlock(() => _locks.Remove(directory));
    }

    private sealed class Content
    {
        public List<byte> Bytes { get; } = [];
        public bool IsNew { get; set; } = true;
    }

    private sealed class Writer(MemoryFiles files, Content file) : IStateWriter
    {
        public void Write(ReadOnlySpan<byte> bytes)
        {
            files.Step("write");
            file.Bytes.AddRange(bytes);
        }

        public void Dispose()
        {
        }
    }

    private sealed class Reader(MemoryFiles files, Content file) : IStateReader
    {
        public long Length => file.Bytes.Count;

        public void Read(long offset, Span<byte> bytes)
        {
            files.Step("read");
            if (offset + bytes.Length > file.Bytes.Count) throw new EndOfStreamException("The file ends before its time.");
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(file.Bytes).Slice((int)offset, bytes.Length).CopyTo(bytes);
        }

        public void Dispose()
        {
        }
    }

    private sealed class Unlock(Action unlock) : IDisposable
    {
        public void Dispose() => unlock();
    }
}
