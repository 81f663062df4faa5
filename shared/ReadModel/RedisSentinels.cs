using System.Net;
using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>
/// Asks the Sentinels who is the master now, one after the other, as their guidelines for clients have it. The client of the mirror package set cannot do
/// it by itself; so both sets do it here.
/// </summary>
internal static class RedisSentinels
{
    /// <exception cref="RedisUnavailableException">None answers, or none knows the name.</exception>
    public static async Task<EndPoint> MasterAsync(RedisOptions options, IReadOnlyList<EndPoint> sentinels)
    {
        foreach (var sentinel in sentinels)
        {
            using var connection = await ConnectionMultiplexer.ConnectAsync(RedisClientConfig.OfSentinel(options, sentinel)).ConfigureAwait(false);
            try
            {
                if (await connection.GetServer(sentinel).SentinelGetMasterAddressByNameAsync(options.SentinelMaster).ConfigureAwait(false) is { } master) return master;
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                // The next one may answer.
            }
        }
        throw new RedisUnavailableException(
            $"No Sentinel at {options.Endpoints} tells of a master named {options.SentinelMaster}: check Redis:Endpoints, Redis:SentinelMaster and Redis:SentinelPassword.");
    }
}
