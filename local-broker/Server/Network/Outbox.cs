using System.Buffers;
using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Server.Network;

/// <summary>Answers on their way to a client: small ones together in one send, a large one from where it was written. Not for several writers at once.</summary>
internal sealed class Outbox(Stream stream)
{
    // Copying a small answer costs less than a send of its own.
    private const int CopiedBytesMax = 16 * 1024;
    private const int BufferBytes = 64 * 1024;
    private byte[]? _small;
    private int _smallBytes;
    private WireWriter? _large;

    public bool IsEmpty => _smallBytes == 0 && _large is null;

    /// <summary>True when nothing may be added before a flush: what is not taken must not fill the memory.</summary>
    public bool IsFull => _large is not null || _smallBytes > BufferBytes - CopiedBytesMax;

    /// <summary>Takes an answer over. Not to be called while <see cref="IsFull"/>.</summary>
    public void Add(WireWriter answer)
    {
        if (IsFull)
            throw new InvalidOperationException("An answer was added behind one that had to be sent first.");
        if (answer.Length > CopiedBytesMax)
        {
            _large = answer;
            return;
        }

        _small ??= ArrayPool<byte>.Shared.Rent(BufferBytes);
        answer.Written.Span.CopyTo(_small.AsSpan(_smallBytes));
        _smallBytes += answer.Length;
        answer.Dispose();
    }

    /// <summary>Sends what is there; completes when the system has taken it.</summary>
    public async ValueTask FlushAsync()
    {
        if (_smallBytes > 0)
        {
            await stream.WriteAsync(_small.AsMemory(0, _smallBytes));
            _smallBytes = 0;
        }

        if (_small is not null)
        {
            ArrayPool<byte>.Shared.Return(_small);
            _small = null;
        }

        if (_large is not null)
        {
            await stream.WriteAsync(_large.Written);
            _large.Dispose();
            _large = null;
        }
    }

    /// <summary>Gives back what was not sent. Nothing may be under way.</summary>
    public void Clear()
    {
        if (_small is not null)
            ArrayPool<byte>.Shared.Return(_small);
        _large?.Dispose();
        (_small, _smallBytes, _large) = (null, 0, null);
    }
}
