using System.Net;

namespace Tally.Gateway;

/// <summary>
/// Which instance of query-service a client reads at: always the same while it is there. Instances are a fraction of a second apart, so the numbers of an
/// hour could fall for a client that goes from one to the other.
/// </summary>
public static class ClientInstance
{
    /// <param name="client">Address of the client; null where there is none, as with a Unix socket.</param>
    /// <param name="instances">How many there are, at least 1.</param>
    /// <returns>Index of the instance.</returns>
    public static int Of(IPAddress? client, int instances)
    {
        if (client is null) return 0;
        Span<byte> bytes = stackalloc byte[16];
        client.TryWriteBytes(bytes, out var length);
        // Neighbours differ in the last byte: they are spread evenly.
        var sum = 0u;
        foreach (var b in bytes[..length]) sum = (sum * 31) + b;
        return (int)(sum % (uint)instances);
    }
}
