namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>ListTransactions, key 66, versions 0-1 (KIP-664). v1 a least duration of open transactions (KIP-994).</summary>
internal static class Key66ListTransactions
{
    public static readonly ApiRange Range = new(ApiKey.ListTransactions, 0, 1, 0);

    public static Request Read(ref WireReader reader, short version)
    {
        var states = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < states.Length; i++)
            states[i] = reader.ReadString();
        var producers = new long[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < producers.Length; i++)
            producers[i] = reader.ReadInt64();
        long durationMs = version >= 1 ? reader.ReadInt64() : -1;
        reader.SkipTags();
        return new Request(states, producers, durationMs);
    }

    public static void Write(WireWriter writer, IReadOnlyList<string> unknownStates, IReadOnlyList<(string Id, long ProducerId, string State)> transactions)
    {
        writer.WriteInt32(0);
        writer.WriteError(ErrorCode.None);
        writer.WriteArrayLength(unknownStates.Count);
        foreach (string state in unknownStates)
            writer.WriteString(state);
        writer.WriteArrayLength(transactions.Count);
        foreach ((string id, long producerId, string state) in transactions)
        {
            writer.WriteString(id);
            writer.WriteInt64(producerId);
            writer.WriteString(state);
            writer.WriteTags();
        }

        writer.WriteTags();
    }

    /// <param name="States">Empty asks for all.</param>
    /// <param name="ProducerIds">Empty asks for all.</param>
    /// <param name="DurationMs">Only what has been open for longer; negative asks for all.</param>
    public sealed record Request(string[] States, long[] ProducerIds, long DurationMs);
}
