using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Server.Network;

/// <summary>
/// What a client sends, frame by frame. Small requests are received many at a time into a buffer that each connection keeps; the rest of a large one
/// goes from the socket straight to its place in the frame. Not for several readers at once.
/// </summary>
internal sealed class Inbox(Stream stream)
{
    // Thousands of idle connections hold one each.
    private const int BufferBytes = 8 * 1024;
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _start;
    private int _end;
    private Frame? _frame;
    private int _filled;

    /// <summary>Whether the first bytes of a frame are here and the last are not.</summary>
    public bool IsInsideFrame => _frame is not null || _end > _start;

    /// <summary>
    /// Takes the next frame out of what has been received; null when more must be received first. Throws <see cref="MalformedRequestException"/> for a
    /// length out of bounds, before anything is allocated for it.
    /// </summary>
    /// <param name="bytesMin">Shortest frame allowed.</param>
    /// <param name="bytesMax">Longest frame allowed.</param>
    public Frame? TryTake(int bytesMin, int bytesMax)
    {
        if (_frame is null)
        {
            if (_end - _start < sizeof(int))
                return null;
            int length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start));
            if (length < bytesMin || length > bytesMax)
                throw new MalformedRequestException($"frame length {length} is out of bounds");
            _start += sizeof(int);
            (_frame, _filled) = (Frame.Rent(length), 0);
        }

        while (_end > _start && _filled < _frame.Length)
        {
            Span<byte> free = _frame.Free(_filled).Span;
            int part = Math.Min(free.Length, _end - _start);
            _buffer.AsSpan(_start, part).CopyTo(free);
            _start += part;
            _filled += part;
        }

        if (_filled < _frame.Length)
            return null;
        Frame whole = _frame;
        _frame = null;
        return whole;
    }

    /// <summary>Receives more; false at the end of what the client sends.</summary>
    public ValueTask<bool> ReceiveAsync()
    {
        bool direct = _frame is not null && _frame.Length - _filled > BufferBytes;
        if (!direct && _start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        ValueTask<int> received = stream.ReadAsync(direct ? _frame!.Free(_filled) : _buffer.AsMemory(_end));
        return received.IsCompletedSuccessfully ? ValueTask.FromResult(Received(received.Result, direct)) : AwaitedAsync(received, direct);
    }

    /// <summary>Gives back what an unfinished frame holds. Nothing may be under way.</summary>
    public void Clear()
    {
        _frame?.Dispose();
        _frame = null;
    }

    private async ValueTask<bool> AwaitedAsync(ValueTask<int> received, bool direct) => Received(await received, direct);

    private bool Received(int bytes, bool direct)
    {
        if (direct)
            _filled += bytes;
        else
            _end += bytes;
        return bytes > 0;
    }
}
