namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>CreateTopics, key 19, versions 2-4. v4 allows -1 for the default number of partitions and replicas.</summary>
internal static class Key19CreateTopics
{
    public static readonly ApiRange Range = new(ApiKey.CreateTopics, 2, 4, 5);

    public static Request Read(ref WireReader reader)
    {
        var topics = new NewTopic[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            int partitions = reader.ReadInt32();
            short replicas = reader.ReadInt16();
            var assigned = new (int, int[])[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < assigned.Length; j++)
            {
                assigned[j] = (reader.ReadInt32(), new int[Math.Max(0, reader.ReadArrayLength())]);
                for (int k = 0; k < assigned[j].Item2.Length; k++)
                    assigned[j].Item2[k] = reader.ReadInt32();
            }

            var configs = new (string, string?)[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < configs.Length; j++)
                configs[j] = (reader.ReadString(), reader.ReadNullableString());
            topics[i] = new NewTopic(name, partitions, replicas, assigned, configs);
        }

        reader.ReadInt32();
        return new Request(topics, reader.ReadBoolean());
    }

    public static void Write(WireWriter writer, IReadOnlyList<(string Name, ErrorCode Error, string? Message)> topics)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(topics.Count);
        foreach ((string name, ErrorCode error, string? message) in topics)
        {
            writer.WriteString(name);
            writer.WriteError(error);
            writer.WriteString(message);
        }
    }

    /// <summary>With an assignment by hand, partitions and replicas are -1.</summary>
    public sealed record NewTopic(string Name, int Partitions, short Replicas, (int Partition, int[] Nodes)[] Assigned, (string Key, string? Value)[] Configs);

    public sealed record Request(NewTopic[] Topics, bool ValidateOnly);
}
