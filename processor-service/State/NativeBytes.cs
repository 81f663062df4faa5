using System.Runtime.InteropServices;

namespace Tally.ProcessorService.State;

/// <summary>
/// Memory outside of the collected heap, given back at once when it is disposed: tables come and go by the hundred megabytes,
/// and a collector would keep as much again in hand.
/// </summary>
public sealed unsafe class NativeBytes : IDisposable
{
    private void* _at;

    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="zeroed">False where all of it is written before it is read.</param>
    /// <exception cref="OutOfMemoryException">The machine has no more.</exception>
    public NativeBytes(long length, bool zeroed = true)
    {
        Length = length;
        _at = NativeMemory.Alloc((nuint)length);
        // Written at once: a table is probed before it is filled, and a page that is read first is mapped twice, the second time with a word to all processors.
        if (zeroed) NativeMemory.Clear(_at, (nuint)length);
    }

    ~NativeBytes() => NativeMemory.Free(_at);

    public long Length { get; }

    /// <summary>Bytes that the process is larger by.</summary>
    public long Cost => NativeHeap.Cost(Length);

    /// <summary>Where it begins; holds until it is disposed.</summary>
    public void* Start => _at;

    public void Dispose()
    {
        NativeMemory.Free(_at);
        _at = null;
        GC.SuppressFinalize(this);
    }
}
