namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>IncrementalAlterConfigs, key 44, version 0: set, delete, append to or subtract from single settings (KIP-339).</summary>
internal static class Key44IncrementalAlterConfigs
{
    public static readonly ApiRange Range = new(ApiKey.IncrementalAlterConfigs, 0, 0, 1);

    public enum Operation : sbyte
    {
        Set = 0,
        Delete = 1,
        Append = 2,
        Subtract = 3,
    }

    public static Request Read(ref WireReader reader)
    {
        var resources = new Resource[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < resources.Length; i++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            var configs = new (string, Operation, string?)[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < configs.Length; j++)
                configs[j] = (reader.ReadString(), (Operation)reader.ReadInt8(), reader.ReadNullableString());
            resources[i] = new Resource(type, name, configs);
        }

        return new Request(resources, reader.ReadBoolean());
    }

    public sealed record Resource(sbyte Type, string Name, (string Key, Operation Operation, string? Value)[] Configs);

    public sealed record Request(Resource[] Resources, bool ValidateOnly);
}
