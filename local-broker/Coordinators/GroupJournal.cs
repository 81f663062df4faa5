using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>What the groups' journal file says and how: generations, offsets, removals. The entry numbers are stored.</summary>
internal sealed class GroupJournal : IDisposable
{
    private const byte Version = 1;
    private const sbyte GenerationEntry = 1;
    private const sbyte OffsetsEntry = 2;
    private const sbyte OffsetsRemovedEntry = 3;
    private const sbyte GroupRemovedEntry = 4;
    private readonly Journal _journal;

    public GroupJournal(
        string path, StorageContext context, Action<string, int> generation, Action<string, TopicPartition, CommittedOffset?> offset, Action<string> removed)
    {
        _journal = Journal.Open(path, FileKind.Groups, Version, context, entry =>
        {
            var reader = new WireReader(entry.Span);
            sbyte kind = reader.ReadInt8();
            string group = reader.ReadString();
            switch (kind)
            {
                case GenerationEntry:
                    generation(group, reader.ReadInt32());
                    break;
                case OffsetsEntry:
                    for (int left = reader.ReadArrayLength(); left > 0; left--)
                        offset(group, TopicPartition.Read(ref reader), CommittedOffset.Read(ref reader));
                    break;
                case OffsetsRemovedEntry:
                    for (int left = reader.ReadArrayLength(); left > 0; left--)
                        offset(group, TopicPartition.Read(ref reader), null);
                    break;
                case GroupRemovedEntry:
                    removed(group);
                    break;
                default:
                    throw new DataFolderException($"{path} holds an entry of unknown kind {kind}.");
            }
        });
    }

    /// <summary>True after a failed flush: what was saved before may not be on the disk, and nothing more is.</summary>
    public bool HasFailed => _journal.HasFailed;

    public bool IsWorthRewriting => _journal.IsWorthRewriting;

    public void SaveGeneration(string group, int generation)
    {
        using WireWriter entry = Generation(group, generation);
        TryAppend(entry);
    }

    public bool SaveOffsets(string group, IReadOnlyCollection<(TopicPartition, CommittedOffset)> offsets)
    {
        using WireWriter entry = Offsets(group, offsets);
        return TryAppend(entry);
    }

    public void RemoveOffsets(string group, IReadOnlyCollection<TopicPartition> partitions)
    {
        if (partitions.Count == 0)
            return;
        using WireWriter entry = Head(OffsetsRemovedEntry, group);
        entry.WriteArrayLength(partitions.Count);
        foreach (TopicPartition partition in partitions)
            partition.Write(entry);
        TryAppend(entry);
    }

    public void RemoveGroup(string group)
    {
        using WireWriter entry = Head(GroupRemovedEntry, group);
        TryAppend(entry);
    }

    public void Rewrite(IEnumerable<(string, int)> generations, IEnumerable<(string, IReadOnlyDictionary<TopicPartition, CommittedOffset>)> offsets)
    {
        var entries = new List<ReadOnlyMemory<byte>>();
        foreach ((string group, int generation) in generations)
        {
            using WireWriter entry = Generation(group, generation);
            entries.Add(entry.Written.ToArray());
        }

        foreach ((string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> committed) in offsets)
        {
            using WireWriter entry = Offsets(group, [.. committed.Select(c => (c.Key, c.Value))]);
            entries.Add(entry.Written.ToArray());
        }

        _journal.Rewrite(entries);
    }

    public void Dispose() => _journal.Dispose();

    private static WireWriter Generation(string group, int generation)
    {
        WireWriter entry = Head(GenerationEntry, group);
        entry.WriteInt32(generation);
        return entry;
    }

    private static WireWriter Offsets(string group, IReadOnlyCollection<(TopicPartition, CommittedOffset)> offsets)
    {
        WireWriter entry = Head(OffsetsEntry, group);
        entry.WriteArrayLength(offsets.Count);
        foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
        {
            partition.Write(entry);
            offset.Write(entry);
        }

        return entry;
    }

    private static WireWriter Head(sbyte kind, string group)
    {
        var entry = new WireWriter();
        entry.WriteInt8(kind);
        entry.WriteString(group);
        return entry;
    }

    private bool TryAppend(WireWriter entry)
    {
        try
        {
            _journal.Append(entry.Written.Span);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
