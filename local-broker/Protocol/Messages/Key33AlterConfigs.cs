namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>AlterConfigs, key 33, versions 0-1. Replaces all settings of a resource; what is not named goes back to its default.</summary>
internal static class Key33AlterConfigs
{
    public static readonly ApiRange Range = new(ApiKey.AlterConfigs, 0, 1, 2);

    public static Request Read(ref WireReader reader)
    {
        var resources = new Resource[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < resources.Length; i++)
        {
            sbyte type = reader.ReadInt8();
            string name = reader.ReadString();
            var configs = new (string, string?)[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < configs.Length; j++)
                configs[j] = (reader.ReadString(), reader.ReadNullableString());
            resources[i] = new Resource(type, name, configs);
        }

        return new Request(resources, reader.ReadBoolean());
    }

    public sealed record Resource(sbyte Type, string Name, (string Key, string? Value)[] Configs);

    public sealed record Request(Resource[] Resources, bool ValidateOnly);
}
