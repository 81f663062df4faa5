using System.Runtime.InteropServices;

namespace Tally.ProcessorService.State;

/// <summary>
/// Zeroed memory outside of the collected heap, given back at once when it is disposed: tables come and go by the hundred megabytes,
/// and a collector would keep as much again in hand.
/// </summary>
public sealed unsafe class NativeBytes : IDisposable
{
    private void* _at;

    /// <param name="length">Bytes, at least 1.</param>
    /// <exception cref="OutOfMemoryException">The machine has no more.</exception>
    public NativeBytes(long length)
    {
        Length = length;
        _at = NativeMemory.AllocZeroed((nuint)length);
    }

    ~NativeBytes() => NativeMemory.Free(_at);

    public long Length { get; }

    /// <summary>Where it begins; holds until it is disposed.</summary>
    public void* Start => _at;

    public void Dispose()
    {
        NativeMemory.Free(_at);
        _at = null;
        GC.SuppressFinalize(this);
    }
}
