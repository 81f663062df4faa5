using Microsoft.Win32.SafeHandles;

namespace Tally.LocalBroker.Storage;

/// <summary>The calls by which logs and journals reach the disk. Tests put one in its place that is full or broken.</summary>
internal class Disk
{
    public virtual int Read(SafeFileHandle file, Span<byte> into, long at) => RandomAccess.Read(file, into, at);

    public virtual void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long at) => RandomAccess.Write(file, bytes, at);

    public virtual void SetLength(SafeFileHandle file, long length) => RandomAccess.SetLength(file, length);

    public virtual void Flush(SafeFileHandle file) => RandomAccess.FlushToDisk(file);
}
