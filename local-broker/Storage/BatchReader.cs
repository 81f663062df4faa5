using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// Walks the batches of a segment file in order, whole batches in memory one at a time. It stops at the first thing that is not a batch, and throws
/// <see cref="IOException"/> where the file cannot be read.
/// </summary>
internal sealed class BatchReader(Disk disk, SafeFileHandle file, long position, long end) : IDisposable
{
    private const int ChunkBytes = 256 * 1024;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
    private long _bufferAt = position;
    private int _buffered;
    private int _size;

    /// <summary>Place of the current batch, or of what stopped the walk.</summary>
    public long Position { get; private set; } = position;

    public BatchHeader Header { get; private set; }

    public ReadOnlySpan<byte> Batch => _buffer.AsSpan((int)(Position - _bufferAt), _size);

    public bool TryNext()
    {
        Position += _size;
        _size = 0;
        if (!Fill(RecordBatch.HeaderSize) || !BatchHeader.TryRead(Buffered, out BatchHeader header) || header.Size > end - Position || !Fill(header.Size))
            return false;
        Header = header;
        _size = header.Size;
        return true;
    }

    /// <summary>First place from here on where the head of a later batch could stand, -1 when there is none.</summary>
    public long NextPlausible(long afterOffset)
    {
        while (Fill(RecordBatch.HeaderSize))
        {
            if (BatchHeader.TryRead(Buffered, out BatchHeader header) && header.BaseOffset > afterOffset && header.Size <= end - Position)
                return Position;
            Position++;
        }

        return -1;
    }

    public void Dispose()
    {
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    private ReadOnlySpan<byte> Buffered => _buffer.AsSpan((int)(Position - _bufferAt), _buffered - (int)(Position - _bufferAt));

    private bool Fill(int count)
    {
        if (count > end - Position)
            return false;
        int skipped = (int)(Position - _bufferAt);
        if (_buffered - skipped >= count)
            return true;
        byte[] target = count <= _buffer.Length ? _buffer : ArrayPool<byte>.Shared.Rent(count);
        _buffer.AsSpan(skipped, _buffered - skipped).CopyTo(target);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }

        _buffered -= skipped;
        _bufferAt = Position;
        while (_buffered < count)
        {
            int wanted = (int)Math.Min(_buffer.Length - _buffered, end - _bufferAt - _buffered);
            int read = disk.Read(file, _buffer.AsSpan(_buffered, wanted), _bufferAt + _buffered);
            if (read == 0)
                return false;
            _buffered += read;
        }

        return true;
    }
}
