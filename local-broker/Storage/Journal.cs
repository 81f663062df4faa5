using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// An append-only file of framed entries (length, CRC-32C, payload) that holds the coordinators' state. It is replayed at start; the owner rewrites it
/// from its live state when <see cref="IsWorthRewriting"/>. Callers serialise their appends themselves only if order between entries matters to them:
/// the file has a lock of its own.
/// </summary>
internal sealed partial class Journal : IFlushable, IDisposable
{
    private const int FrameHead = 8;
    private const int EntryBytesMax = 16 * 1024 * 1024;
    private const long RewriteBytesMin = 4 * 1024 * 1024;
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly FileKind _kind;
    private readonly byte _version;
    private readonly FlushScheduler _flush;
    private readonly Disk _disk;
    private readonly ILogger _log;
    private SafeFileHandle _file;
    private long _size;
    private long _rewriteAt = RewriteBytesMin;
    private bool _failed;
    private bool _refusing;

    private Journal(string path, FileKind kind, byte version, StorageContext context)
    {
        (_path, _kind, _version, _flush, _disk, _log) = (path, kind, version, context.Flush, context.Disk, context.Log);
        _file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
    }

    /// <summary>True after a failed flush, or when a half-written entry could not be cut off: nothing more is taken until a restart.</summary>
    public bool HasFailed
    {
        get
        {
            lock (_gate)
                return _failed || _flush.HasFailed;
        }
    }

    public bool IsWorthRewriting => Volatile.Read(ref _size) >= Volatile.Read(ref _rewriteAt);

    /// <summary>Opens the file and hands every entry to <paramref name="replay"/>, oldest first. A torn tail is cut; damage before valid entries is refused.</summary>
    public static Journal Open(string path, FileKind kind, byte version, StorageContext context, Action<ReadOnlyMemory<byte>> replay)
    {
        var journal = new Journal(path, kind, version, context);
        try
        {
            journal.Replay(context.Recovery, replay);
            // What a kill left may never have been flushed, and is about to be acted upon.
            if (context.Flush.IsGroup)
                journal.FlushToDisk();
            else
                context.Flush.MarkDirty(journal);
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Once this returns the entry survives the end of the process; throws <see cref="IOException"/> when it could not be written.</summary>
    public void Append(ReadOnlySpan<byte> payload)
    {
        Span<byte> frame = payload.Length <= 4096 ? stackalloc byte[FrameHead + payload.Length] : new byte[FrameHead + payload.Length];
        WriteFrame(frame, payload);
        lock (_gate)
        {
            if (_failed || _flush.HasFailed)
                throw new IOException($"{_path} failed before and takes no entries until the broker is restarted.");
            try
            {
                _disk.Write(_file, frame, _size);
            }
            catch (IOException e)
            {
                CutBack();
                // Said once, not once for each of thousands.
                if (!_refusing)
                    LogRefusing(_path, e.Message);
                _refusing = true;
                throw;
            }

            _refusing = false;
            _size += frame.Length;
        }

        _flush.MarkDirty(this);
    }

    /// <summary>Replaces the whole file by the given entries: written aside, flushed, renamed. When that fails the file stays as it is.</summary>
    public void Rewrite(IEnumerable<ReadOnlyMemory<byte>> entries)
    {
        string aside = _path + ".tmp";
        lock (_gate)
        {
            SafeFileHandle? file = null;
            try
            {
                file = File.OpenHandle(aside, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
                long size = WriteNew(file, entries);
                if (_flush.FlushesMetadata)
                    _disk.Flush(file);
                File.Move(aside, _path, overwrite: true);
                (_file, file) = (file, _file);
                _size = size;
                _rewriteAt = Math.Max(RewriteBytesMin, size * 4);
                if (_flush.FlushesMetadata)
                    FolderFlush.Flush(Path.GetDirectoryName(_path)!);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _rewriteAt = _size * 2;
                LogRewriteFailed(e, _path);
            }
            finally
            {
                file?.Dispose();
            }
        }
    }

    public void FlushToDisk()
    {
        SafeFileHandle file;
        lock (_gate)
            file = _file;
        try
        {
            _disk.Flush(file);
        }
        catch (ObjectDisposedException)
        {
            // Rewritten meanwhile, and flushed with that.
        }
        catch
        {
            lock (_gate)
                _failed = true;
            throw;
        }
    }

    public void Dispose()
    {
        _flush.Forget(this);
        _file.Dispose();
    }

    private static void WriteFrame(Span<byte> frame, ReadOnlySpan<byte> payload)
    {
        // The next start would take it for damage and cut it off.
        if (payload.Length > EntryBytesMax)
            throw new IOException($"An entry of {payload.Length} bytes exceeds the {EntryBytesMax} that a journal takes.");
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame[4..], Crc32C.Of(payload));
        payload.CopyTo(frame[FrameHead..]);
    }

    private long WriteNew(SafeFileHandle file, IEnumerable<ReadOnlyMemory<byte>> entries)
    {
        var content = new MemoryStream();
        Span<byte> head = stackalloc byte[FramedFile.HeadSize];
        FramedFile.WriteHead(head, _kind, _version);
        content.Write(head);
        foreach (ReadOnlyMemory<byte> entry in entries)
        {
            var frame = new byte[FrameHead + entry.Length];
            WriteFrame(frame, entry.Span);
            content.Write(frame);
        }

        _disk.Write(file, content.GetBuffer().AsSpan(0, (int)content.Length), 0);
        return content.Length;
    }

    private void CutBack()
    {
        try
        {
            _disk.SetLength(_file, _size);
        }
        catch (IOException)
        {
            _failed = true;
        }
    }

    private void Replay(RecoveryMode mode, Action<ReadOnlyMemory<byte>> replay)
    {
        byte[] content = File.ReadAllBytes(_path);
        if (content.Length < FramedFile.HeadSize)
        {
            _size = WriteNew(_file, []);
            RandomAccess.SetLength(_file, _size);
            return;
        }

        FramedFile.CheckHead(_path, content, _kind, _version);
        int position = FramedFile.HeadSize;
        while (TryFrame(content, position, out int length))
        {
            try
            {
                replay(content.AsMemory(position + FrameHead, length));
            }
            catch (MalformedRequestException e)
            {
                throw new DataFolderException($"{_path} holds an entry at byte {position} that cannot be read.", e);
            }

            position += FrameHead + length;
        }

        _size = position;
        _rewriteAt = Math.Max(RewriteBytesMin, _size);
        if (position == content.Length)
            return;
        RefuseDamage(content, position, mode);
        LogTornTail(_path, content.Length - position);
        RandomAccess.SetLength(_file, position);
    }

    // A valid entry behind an invalid one means that the middle is damaged, not that the last write was cut short.
    private void RefuseDamage(byte[] content, int position, RecoveryMode mode)
    {
        if (mode == RecoveryMode.Repair)
            return;
        for (int at = position + 1; at < content.Length - FrameHead; at++)
        {
            if (TryFrame(content, at, out int length) && length > 0)
                throw new DataFolderException(
                    $"{_path} is damaged at byte {position} and valid entries follow at {at}. Start with --repair to drop what follows the damage.");
        }
    }

    private static bool TryFrame(byte[] content, int position, out int length)
    {
        length = 0;
        if (position > content.Length - FrameHead)
            return false;
        length = BinaryPrimitives.ReadInt32BigEndian(content.AsSpan(position));
        if (length is <= 0 or > EntryBytesMax || length > content.Length - position - FrameHead)
            return false;
        return BinaryPrimitives.ReadUInt32BigEndian(content.AsSpan(position + 4)) == Crc32C.Of(content.AsSpan(position + FrameHead, length));
    }

    [LoggerMessage(2, LogLevel.Error, "{Path} could not be rewritten and goes on growing")]
    private partial void LogRewriteFailed(Exception e, string path);

    [LoggerMessage(3, LogLevel.Error, "{Path}: what it keeps cannot be changed until it can be written again: {Reason}")]
    private partial void LogRefusing(string path, string reason);

    [LoggerMessage(1, LogLevel.Warning, "{Path}: cut {Bytes} bytes of an entry that was not completely written")]
    private partial void LogTornTail(string path, long bytes);
}
