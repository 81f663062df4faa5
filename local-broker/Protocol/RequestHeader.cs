namespace Tally.LocalBroker.Protocol;

/// <summary>What stands before every request body.</summary>
internal readonly record struct RequestHeader(ApiKey Key, short Version, int CorrelationId, string? ClientId)
{
    /// <summary>The part whose form does not depend on the version: key, version, correlation id.</summary>
    public static RequestHeader ReadFixed(ref WireReader reader) => new((ApiKey)reader.ReadInt16(), reader.ReadInt16(), reader.ReadInt32(), null);

    /// <summary>Client id and tags. The client id is never compact, not even in header v2.</summary>
    public RequestHeader ReadRest(ref WireReader reader, bool flexible)
    {
        string? clientId = reader.ReadNullableString();
        reader.Flexible = flexible;
        reader.SkipTags();
        return this with { ClientId = clientId };
    }
}
