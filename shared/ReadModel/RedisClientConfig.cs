using System.Net;
using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>What the client has to know, made of <see cref="RedisOptions"/>.</summary>
internal static class RedisClientConfig
{
    /// <summary>What a Sentinel is asked, and no more.</summary>
    private static readonly CommandMap SentinelCommands = CommandMap.Create(["AUTH", "CLIENT", "INFO", "PING", "SENTINEL", "SUBSCRIBE", "UNSUBSCRIBE"]);

    public static ConfigurationOptions Of(RedisOptions options, IEnumerable<EndPoint> endpoints, RedisCertificates certificates) =>
        Of(options, endpoints, Password(options), certificates);

    public static ConfigurationOptions OfSentinel(RedisOptions options, EndPoint sentinel)
    {
        var configuration = Of(options, [sentinel], options.SentinelPassword, new RedisCertificates(options.CaFile));
        configuration.CommandMap = SentinelCommands;
        return configuration;
    }

    private static ConfigurationOptions Of(RedisOptions options, IEnumerable<EndPoint> endpoints, string password, RedisCertificates certificates)
    {
        var configuration = new ConfigurationOptions
        {
            AbortOnConnectFail = false,
            ClientName = "tally",
            ConnectTimeout = (int)options.ConnectTimeout.TotalMilliseconds,
            ConnectRetry = 1,
            KeepAlive = 5,
            ReconnectRetryPolicy = new LinearRetry(500),
            Ssl = options.Ssl,
            Password = password.Length == 0 ? null : password,
            // No key and no channel beside our own.
            TieBreaker = "",
            ConfigurationChannel = "",
        };
        configuration.CertificateValidation += certificates.Accept;
        RedisClientTuning.Apply(configuration);
        foreach (var endpoint in endpoints) configuration.EndPoints.Add(endpoint);
        return configuration;
    }

    private static string Password(RedisOptions options) =>
        options.PasswordFile.Length == 0 ? options.Password : File.ReadAllText(options.PasswordFile).Trim();
}
