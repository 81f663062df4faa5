using System.Buffers;

namespace Tally.LocalBroker.Server;

/// <summary>One request's bytes in a pooled array.</summary>
internal sealed class Frame : IDisposable
{
    private byte[] _buffer;

    private Frame(byte[] buffer, int length) => (_buffer, Length) = (buffer, length);

    public int Length { get; }

    public Memory<byte> Memory => _buffer.AsMemory(0, Length);

    public static Frame Rent(int length) => new(ArrayPool<byte>.Shared.Rent(length), length);

    public void Dispose()
    {
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
