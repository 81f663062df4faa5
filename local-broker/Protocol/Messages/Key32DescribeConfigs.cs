namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DescribeConfigs, key 32, versions 1-2. v1 sources and synonyms.</summary>
internal static class Key32DescribeConfigs
{
    public static readonly ApiRange Range = new(ApiKey.DescribeConfigs, 1, 2, 4);

    public static Request Read(ref WireReader reader)
    {
        var resources = new Resource[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < resources.Length; i++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            int count = reader.ReadArrayLength();
            string[]? keys = count < 0 ? null : new string[count];
            for (int j = 0; j < count; j++)
                keys![j] = reader.ReadString();
            resources[i] = new Resource(type, name, keys);
        }

        return new Request(resources, reader.ReadBoolean());
    }

    public static void Write(WireWriter writer, bool synonyms, IReadOnlyList<Result> results)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(results.Count);
        foreach (Result result in results)
        {
            writer.WriteError(result.Answer.Error);
            writer.WriteString(result.Answer.Message);
            writer.WriteInt8(result.Answer.Type);
            writer.WriteString(result.Answer.Name);
            writer.WriteArrayLength(result.Entries.Count);
            foreach (Entry entry in result.Entries)
                WriteEntry(writer, synonyms, entry);
        }
    }

    private static void WriteEntry(WireWriter writer, bool synonyms, Entry entry)
    {
        writer.WriteString(entry.Key);
        writer.WriteString(entry.Value);
        writer.WriteBoolean(entry.ReadOnly);
        writer.WriteInt8((sbyte)entry.Source);
        writer.WriteBoolean(false);
        if (!synonyms)
        {
            writer.WriteArrayLength(0);
            return;
        }

        writer.WriteArrayLength(1);
        writer.WriteString(entry.Key);
        writer.WriteString(entry.Value);
        writer.WriteInt8((sbyte)entry.Source);
    }

    /// <summary>Keys null asks for all.</summary>
    public sealed record Resource(sbyte Type, string Name, string[]? Keys);

    public sealed record Request(Resource[] Resources, bool Synonyms);

    public sealed record Entry(string Key, string? Value, ConfigSource Source, bool ReadOnly);

    public sealed record Result(ConfigAnswer Answer, IReadOnlyList<Entry> Entries);
}
