using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.State;

/// <summary>
/// The file that makes runs a snapshot (format 2; format 1 knew no sketches): the changelog position and progress it belongs to, the counts of every hour, the
/// dropped hours, the leaves with the names and CRCs of their runs, and a SHA-256 of all that. Written aside and renamed.
/// </summary>
public sealed record Snapshot(
    SnapshotMark Mark, IReadOnlyList<HourState> Hours, DroppedHours Dropped,
    IReadOnlyList<(RunKey Low, IReadOnlyList<(string Name, uint FileCrc)> Runs)> Leaves)
{
    public const string FileName = "snapshot";
    private const string Aside = "snapshot.new";
    private const uint Magic = 0x504e5354; // "TSNP"
    private const int Version = 2;
    private const int WithoutSketches = 1;

    public static void Write(IStateFiles files, string directory, SnapshotMark mark, PartitionHours hours, RunStore runs)
    {
        var memory = new MemoryStream();
        using var to = new BinaryWriter(memory, Encoding.UTF8);
        to.Write(Magic);
        to.Write(Version);
        to.Write(mark.Changelog);
        to.Write(mark.Partition);
        to.Write(mark.Position);
        var progress = mark.Progress.ToByteArray();
        to.Write(progress.Length);
        to.Write(progress);
        WriteHours(to, hours);
        to.Write(runs.Leaves.Count);
        foreach (var leaf in runs.Leaves)
        {
            to.Write(leaf.Low.Set);
            to.Write((ulong)(leaf.Low.Hash >> 64));
            to.Write((ulong)leaf.Low.Hash);
            to.Write(leaf.Runs.Count);
            foreach (var run in leaf.Runs)
            {
                to.Write(run.Name);
                to.Write(run.Index.FileCrc);
            }
        }
        to.Flush();
        var bytes = memory.GetBuffer().AsSpan(0, (int)memory.Length);
        using (var file = files.Create(Path.Combine(directory, Aside)))
        {
            file.Write(bytes);
            file.Write(SHA256.HashData(bytes));
        }
        files.Rename(Path.Combine(directory, Aside), Path.Combine(directory, FileName));
    }

    /// <returns>Null where there is none.</returns>
    /// <exception cref="InvalidDataException">It is damaged, or of a newer version.</exception>
    public static Snapshot? Read(IStateFiles files, string directory, StateBudget budget, RunStore runs)
    {
        if (!files.List(directory).Contains(FileName)) return null;
        byte[] bytes;
        using (var file = files.Open(Path.Combine(directory, FileName)))
        {
            if (file.Length is < SHA256.HashSizeInBytes or > int.MaxValue) throw new InvalidDataException("The snapshot is damaged.");
            bytes = new byte[file.Length];
            file.Read(0, bytes);
        }
        var content = bytes.AsSpan(0, bytes.Length - SHA256.HashSizeInBytes);
        if (!SHA256.HashData(content).AsSpan().SequenceEqual(bytes.AsSpan(content.Length))) throw new InvalidDataException("The snapshot is damaged.");
        using var from = new BinaryReader(new MemoryStream(bytes, 0, content.Length), Encoding.UTF8);
        if (from.ReadUInt32() != Magic) throw new InvalidDataException("The snapshot is of another kind.");
        var version = from.ReadInt32();
        if (version is not (Version or WithoutSketches)) throw new InvalidDataException($"The snapshot has format {version}, this version reads {Version}.");
        var mark = new SnapshotMark(from.ReadString(), from.ReadInt32(), from.ReadInt64(), Progress.Parser.ParseFrom(from.ReadBytes(from.ReadInt32())));
        var (hours, dropped) = ReadHours(from, version, budget, runs);
        return new Snapshot(mark, hours, dropped, ReadLeaves(from));
    }

    private static void WriteHours(BinaryWriter to, PartitionHours hours)
    {
        to.Write(hours.All.Count);
        foreach (var hour in hours.All.Values)
        {
            to.Write(hour.Hour);
            to.Write(hour.Clicks);
            to.Write(hour.Impressions);
            to.Write(hour.Duplicates);
            to.Write(hour.LastEventMs);
            to.Write(hour.SketchedUsers);
            to.Write(hour.OpenChunk);
            // What the open chunk holds is not written down here: whoever goes on from the snapshot leaves it and opens the next one.
            to.Write(hour.LeavesOpenChunk || hour.WrittenUsers + hour.WrittenIds > 0);
            to.Write(hour.Users.Saved);
            to.Write(hour.Ids.Saved);
        }
        var pages = hours.Dropped.Pages.ToList();
        to.Write(pages.Count);
        foreach (var (first, bits) in pages)
        {
            to.Write(first);
            to.Write(bits);
        }
    }

    private static (List<HourState> Hours, DroppedHours Dropped) ReadHours(BinaryReader from, int version, StateBudget budget, RunStore runs)
    {
        var hours = new List<HourState>();
        for (var left = from.ReadInt32(); left > 0; left--)
        {
            var hour = new HourState(from.ReadInt64(), budget, runs)
            {
                Clicks = from.ReadInt64(),
                Impressions = from.ReadInt64(),
                Duplicates = from.ReadInt64(),
                LastEventMs = from.ReadInt64(),
                SketchedUsers = version == WithoutSketches ? 0 : from.ReadInt64(),
                OpenChunk = from.ReadInt32(),
                LeavesOpenChunk = from.ReadBoolean(),
            };
            hour.Users.BeginOnDisk(from.ReadInt32());
            hour.Ids.BeginOnDisk(from.ReadInt32());
            hours.Add(hour);
        }
        var dropped = new DroppedHours();
        for (var left = from.ReadInt32(); left > 0; left--) dropped.Add(from.ReadInt64(), from.ReadBytes(DroppedHours.PageBytes));
        return (hours, dropped);
    }

    private static List<(RunKey Low, IReadOnlyList<(string Name, uint FileCrc)> Runs)> ReadLeaves(BinaryReader from)
    {
        var leaves = new List<(RunKey, IReadOnlyList<(string, uint)>)>();
        for (var left = from.ReadInt32(); left > 0; left--)
        {
            var low = new RunKey(from.ReadInt64(), new UInt128(from.ReadUInt64(), from.ReadUInt64()));
            var runs = new List<(string, uint)>();
            for (var more = from.ReadInt32(); more > 0; more--) runs.Add((from.ReadString(), from.ReadUInt32()));
            leaves.Add((low, runs));
        }
        return leaves;
    }
}
