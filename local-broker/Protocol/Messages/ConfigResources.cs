namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>Kinds of things that have a configuration.</summary>
internal enum ConfigResourceType : sbyte
{
    Topic = 2,
    Broker = 4,
}

/// <summary>Where a shown value comes from, by Kafka's numbers.</summary>
internal enum ConfigSource : sbyte
{
    DynamicTopic = 1,
    StaticBroker = 4,
    Default = 5,
}

/// <summary>The answer that AlterConfigs and IncrementalAlterConfigs share.</summary>
internal readonly record struct ConfigAnswer(ErrorCode Error, string? Message, sbyte Type, string Name)
{
    public static void WriteAll(WireWriter writer, IReadOnlyList<ConfigAnswer> answers)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(answers.Count);
        foreach (ConfigAnswer answer in answers)
        {
            writer.WriteError(answer.Error);
            writer.WriteString(answer.Message);
            writer.WriteInt8(answer.Type);
            writer.WriteString(answer.Name);
        }
    }
}
