using System.Globalization;
using System.Net;

namespace Tally.Shared.ReadModel;

/// <summary>Reads <c>host:port,host:port</c>.</summary>
public static class RedisEndpoints
{
    public static bool TryParse(string text, out IReadOnlyList<EndPoint> endpoints)
    {
        var found = new List<EndPoint>();
        endpoints = found;
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var colon = part.LastIndexOf(':');
            if (colon < 1 || !ushort.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
                return false;
            var host = part[..colon].Trim('[', ']');
            if (host.Length == 0 || host.Any(char.IsWhiteSpace)) return false;
            found.Add(IPAddress.TryParse(host, out var address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port));
        }
        return true;
    }
}
