using System.Buffers;

namespace Tally.LocalBroker.Server.Network;

/// <summary>One request's bytes in a pooled array.</summary>
internal sealed class Frame : IDisposable
{
    private const int ClaimedBytesMax = 1024 * 1024;
    private byte[] _buffer;

    private Frame(byte[] buffer, int length) => (_buffer, Length) = (buffer, length);

    public int Length { get; }

    public Memory<byte> Memory => _buffer.AsMemory(0, Length);

    /// <summary>Room for a frame. A long one gets it as its bytes arrive: a length is quickly claimed.</summary>
    public static Frame Rent(int length) => new(ArrayPool<byte>.Shared.Rent(Math.Min(length, ClaimedBytesMax)), length);

    /// <summary>Where the next bytes go; empty when the frame is full.</summary>
    public Memory<byte> Free(int filled)
    {
        if (filled == _buffer.Length && filled < Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Length, filled * 2L));
            _buffer.AsSpan(0, filled).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsMemory(filled, Math.Min(_buffer.Length, Length) - filled);
    }

    public void Dispose()
    {
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
