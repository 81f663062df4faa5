namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>
/// ApiVersions, key 18, versions 0-3. v3 is flexible and carries the client's software name (KIP-511). The response header stays in its oldest form,
/// because the client does not know yet what the broker speaks.
/// </summary>
internal static class Key18ApiVersions
{
    public static readonly ApiRange Range = new(ApiKey.ApiVersions, 0, 3, 3);

    /// <summary>False when the software name or version is outside the pattern of KIP-511.</summary>
    public static bool Read(ref WireReader reader, short version)
    {
        if (version < 3)
            return true;
        bool valid = IsSoftwareName(reader.ReadString());
        valid &= IsSoftwareName(reader.ReadString());
        reader.SkipTags();
        return valid;
    }

    public static void Write(WireWriter writer, short version, ErrorCode error, IReadOnlyCollection<ApiRange> ranges)
    {
        writer.WriteError(error);
        writer.WriteArrayLength(ranges.Count);
        foreach (ApiRange range in ranges)
        {
            writer.WriteInt16((short)range.Key);
            writer.WriteInt16(range.Min);
            writer.WriteInt16(range.Max);
            writer.WriteTags();
        }

        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteTags();
    }

    private static bool IsSoftwareName(string text)
    {
        if (text.Length == 0 || !char.IsAsciiLetterOrDigit(text[0]) || !char.IsAsciiLetterOrDigit(text[^1]))
            return false;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.'))
                return false;
        }

        return true;
    }
}
