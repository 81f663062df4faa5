using System.Runtime.InteropServices;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Turns the part that one partition gave to a window into records of its changelog and back. The highest chunk is open: it is written
/// again at each commit until it is full, so that the changelog grows with new uids and not with time.
/// </summary>
public sealed class FrameChangelog(int generation, int chunkHashes)
{
    /// <summary>Most hashes of a record: under backlog many come at once. Larger arrays would be left to the collector's last generation.</summary>
    private const int RecordHashesMax = 4096;

    public static byte[] Key(Window window, int chunk) => RecordKeys.FrameChunk(window.Kind.Name(), window.Start, chunk);

    public void Write(Window window, WindowPart part, Action<byte[], byte[]> record)
    {
        var users = part.Tail.Items;
        while (users.Length > RecordHashesMax)
        {
            Write(window, part, users[..RecordHashesMax], record);
            users = users[RecordHashesMax..];
            part.OpenChunk++;
        }
        Write(window, part, users, record);
        part.Tail.RemoveFirst(part.Tail.Count - users.Length);
        if (part.Tail.Count >= chunkHashes) part.LeaveOpenChunk();
        part.IsChanged = false;
    }

    /// <summary>Folds a record into the windows; an older version of a chunk holds a part of the newer one, so reading both does no harm.</summary>
    /// <exception cref="InvalidDataException">The record is damaged.</exception>
    public void Read(ReadOnlySpan<byte> value, int partition, FrameWindows windows)
    {
        FrameChunk chunk;
        try
        {
            chunk = FrameChunk.Parser.ParseFrom(value);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("A changelog record is no chunk of frames.", e);
        }
        if (chunk.Generation != generation) return;
        var kind = Array.FindIndex(WindowKinds.All, k => k.Name() == chunk.Kind);
        if (kind < 0 || chunk.Users.Length % 16 != 0 || chunk.Chunk < 0) throw new InvalidDataException($"The changelog record of {chunk.Kind} {chunk.Start} is damaged.");
        var part = windows.Restore(
            new Window(WindowKinds.All[kind], chunk.Start), partition, chunk.Frames, MemoryMarshal.Cast<byte, UInt128>(chunk.Users.Span)).Part(partition);
        // The open chunk is left as it is and the next one begun.
        part.OpenChunk = Math.Max(part.OpenChunk, chunk.Chunk + 1);
    }

    private void Write(Window window, WindowPart part, ReadOnlySpan<UInt128> users, Action<byte[], byte[]> record)
    {
        var chunk = new FrameChunk
        {
            Kind = window.Kind.Name(),
            Start = window.Start,
            Chunk = part.OpenChunk,
            Generation = generation,
            Frames = part.Frames,
            Users = UnsafeByteOperations.UnsafeWrap(MemoryMarshal.AsBytes(users).ToArray()),
        };
        record(Key(window, part.OpenChunk), chunk.ToByteArray());
    }
}
