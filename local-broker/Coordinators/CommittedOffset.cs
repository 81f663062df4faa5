using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Coordinators;

/// <summary>A partition by its topic's name and number.</summary>
internal readonly record struct TopicPartition(string Topic, int Partition)
{
    public void Write(WireWriter writer)
    {
        writer.WriteString(Topic);
        writer.WriteInt32(Partition);
    }

    public static TopicPartition Read(ref WireReader reader) => new(reader.ReadString(), reader.ReadInt32());
}

/// <summary>A group's position in one partition.</summary>
internal readonly record struct CommittedOffset(long Offset, int LeaderEpoch, string? Metadata, long CommittedAt)
{
    public void Write(WireWriter writer)
    {
        writer.WriteInt64(Offset);
        writer.WriteInt32(LeaderEpoch);
        writer.WriteString(Metadata);
        writer.WriteInt64(CommittedAt);
    }

    public static CommittedOffset Read(ref WireReader reader) =>
        new(reader.ReadInt64(), reader.ReadInt32(), reader.ReadNullableString(), reader.ReadInt64());
}
