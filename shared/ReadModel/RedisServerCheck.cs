using System.Net.Security;
using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>Looks at a server just reached: what only a person can mend is said in a sentence, not by a call that fails later.</summary>
internal static class RedisServerCheck
{
    /// <exception cref="RedisUnavailableException">It must not be used as it is, or does not let us in.</exception>
    public static async Task RunAsync(ConnectionMultiplexer multiplexer, ConfigurationOptions configuration, RedisCertificates certificates, RedisOptions options)
    {
        if (!multiplexer.IsConnected)
        {
            if (certificates.Refused != SslPolicyErrors.None)
                throw new RedisUnavailableException(
                    $"The certificate of Redis at {options.Endpoints} is not trusted ({certificates.Refused}): set Redis:CaFile to the authority that signed it.");
            if (await IsLoginRefusedAsync(configuration).ConfigureAwait(false))
                throw new RedisUnavailableException($"Redis at {options.Endpoints} refuses the login: check Redis:Password or Redis:PasswordFile.");
        }
        var servers = multiplexer.GetEndPoints().Select(e => multiplexer.GetServer(e)).Where(s => s.IsConnected).ToList();
        if (servers.Exists(s => s.ServerType == ServerType.Cluster) && !HasHashTag(options.Prefix))
            throw new RedisUnavailableException(
                $"Redis at {options.Endpoints} is a cluster, and a script reaches one slot only: set Redis:Prefix to {{analytics}}, braces included.");
        if (options.SentinelMaster.Length == 0) return;
        // A failover may be under way: what Sentinels tell is not what the server knows of itself yet.
        var role = (RedisResult[])(await multiplexer.GetDatabase().ExecuteAsync("ROLE").ConfigureAwait(false))!;
        if ((string)role[0]! != "master") throw new RedisUnavailableException($"The server that Sentinels call {options.SentinelMaster} is no master yet.");
    }

    /// <summary>The client says why only when it is to give up at once.</summary>
    private static async Task<bool> IsLoginRefusedAsync(ConfigurationOptions configuration)
    {
        var once = configuration.Clone();
        once.AbortOnConnectFail = true;
        try
        {
            (await ConnectionMultiplexer.ConnectAsync(once).ConfigureAwait(false)).Dispose();
            return false;
        }
        catch (RedisConnectionException e)
        {
            return e.ToString().Contains("authentication", StringComparison.OrdinalIgnoreCase) || e.ToString().Contains("NOAUTH", StringComparison.Ordinal)
                || e.ToString().Contains("WRONGPASS", StringComparison.Ordinal);
        }
    }

    private static bool HasHashTag(string prefix) =>
        prefix.IndexOf('{', StringComparison.Ordinal) is >= 0 and var open && prefix.IndexOf('}', open) > open + 1;
}
