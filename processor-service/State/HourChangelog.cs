using System.Runtime.InteropServices;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.State;

/// <summary>
/// Turns hours into changelog records and back. Chunk n of an hour holds up to a fixed number of new hashes; the highest chunk is open:
/// it is written again at each commit that touched the hour and carries the absolute counts. A full chunk is final. So the changelog
/// grows with what is new, not with time. Hashes are stored little-endian, as they lie in memory on every machine .NET runs on here.
/// </summary>
public sealed class HourChangelog(int generation, int chunkHashes)
{
    /// <summary>
    /// From this many hashes on, an open chunk is left as it is when at least <see cref="WorthAChunk"/> new ones come at once: under
    /// backlog every hour of many changes with each commit, and writing the old hashes again would cost more than the record.
    /// </summary>
    private const int LeftAsItIs = 32;

    private const int WorthAChunk = 16;

    /// <summary>Writes what changed in <paramref name="hour"/> since the last call: full chunks first, the open one last.</summary>
    public void Write(HourState hour, Action<byte[], byte[]> record)
    {
        var written = hour.WrittenUsers + hour.WrittenIds;
        if (written >= LeftAsItIs && hour.TailUsers.Count + hour.TailIds.Count - written >= WorthAChunk) hour.LeaveOpenChunk();
        if (hour.LeavesOpenChunk) hour.OpenChunk++;
        hour.LeavesOpenChunk = false;
        var users = hour.TailUsers.Items;
        var ids = hour.TailIds.Items;
        while (users.Length + ids.Length >= chunkHashes)
        {
            var takenUsers = Math.Min(users.Length, chunkHashes);
            var takenIds = chunkHashes - takenUsers;
            WriteChunk(hour, users[..takenUsers], ids[..takenIds], record);
            users = users[takenUsers..];
            ids = ids[takenIds..];
            hour.OpenChunk++;
        }
        WriteChunk(hour, users, ids, record);
        hour.TailUsers.RemoveFirst(hour.TailUsers.Count - users.Length);
        hour.TailIds.RemoveFirst(hour.TailIds.Count - ids.Length);
        (hour.WrittenUsers, hour.WrittenIds) = (hour.TailUsers.Count, hour.TailIds.Count);
    }

    /// <summary>
    /// Folds one changelog record into <paramref name="hours"/>. Records come in the order of the log; an older version of a chunk holds
    /// a part of what its newer one holds, so reading both does no harm.
    /// </summary>
    /// <exception cref="InvalidDataException">The record is damaged.</exception>
    public void Read(ReadOnlySpan<byte> value, PartitionHours hours)
    {
        var chunk = Parse(value);
        if (chunk.Generation != generation || hours.Dropped.Contains(chunk.Hour)) return;
        var isNew = !hours.All.ContainsKey(chunk.Hour);
        var hour = hours.Get(chunk.Hour);
        // Chunks begin with 0 and follow each other, in the log too: whatever compaction leaves of a chunk lies before the next one.
        if (chunk.Chunk > (isNew ? 0 : hour.OpenChunk + 1)) hours.Incomplete.Add(chunk.Hour);
        var users = MemoryMarshal.Cast<byte, UInt128>(chunk.Users.Span);
        var ids = MemoryMarshal.Cast<byte, UInt128>(chunk.Ids.Span);
        hours.Restore(hour, users, ids);
        if (chunk.Chunk < hour.OpenChunk) return;
        hour.OpenChunk = chunk.Chunk;
        hour.LeavesOpenChunk = false;
        // The newest version of the open chunk is the tail, no more and no less: what an older one held may have moved to another chunk.
        hour.TailUsers.Replace(users);
        hour.TailIds.Replace(ids);
        (hour.WrittenUsers, hour.WrittenIds) = (users.Length, ids.Length);
        hour.Clicks = chunk.Clicks;
        hour.Impressions = chunk.Impressions;
        hour.Duplicates = chunk.Duplicates;
        hour.LastEventMs = chunk.LastEventMs;
        hour.SketchedUsers = chunk.SketchedUsers;
    }

    private static StateChunk Parse(ReadOnlySpan<byte> value)
    {
        StateChunk chunk;
        try
        {
            chunk = StateChunk.Parser.ParseFrom(value);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("A changelog record is no state chunk.", e);
        }
        if (chunk.Users.Length % 16 != 0 || chunk.Ids.Length % 16 != 0 || chunk.Chunk < 0 || chunk.Hour < 0)
            throw new InvalidDataException($"The changelog record of hour {chunk.Hour}, chunk {chunk.Chunk} is damaged.");
        return chunk;
    }

    private void WriteChunk(HourState hour, ReadOnlySpan<UInt128> users, ReadOnlySpan<UInt128> ids, Action<byte[], byte[]> record)
    {
        var chunk = new StateChunk
        {
            Hour = hour.Hour,
            Chunk = hour.OpenChunk,
            Generation = generation,
            Clicks = hour.Clicks,
            Impressions = hour.Impressions,
            Duplicates = hour.Duplicates,
            LastEventMs = hour.LastEventMs,
            SketchedUsers = hour.SketchedUsers,
            Users = Bytes(users),
            Ids = Bytes(ids),
        };
        record(RecordKeys.StateChunk(hour.Hour, hour.OpenChunk), chunk.ToByteArray());
    }

    private static ByteString Bytes(ReadOnlySpan<UInt128> hashes)
    {
        return hashes.Length == 0
            ? ByteString.Empty
            : UnsafeByteOperations.UnsafeWrap(MemoryMarshal.AsBytes(hashes).ToArray());
    }
}
