using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tally.Shared.ReadModel;

/// <summary>Section <c>Redis</c>: the hot read model.</summary>
public sealed class RedisOptions
{
    public const string Section = "Redis";

    /// <summary><c>host:port</c>, several separated by commas: nodes of a cluster, or the Sentinels when <see cref="SentinelMaster"/> is set.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Redis:Endpoints is empty: set it to host:port of a Redis.")]
    public string Endpoints { get; set; } = "127.0.0.1:6379";

    /// <summary>Password, empty for none. Never logged.</summary>
    public string Password { get; set; } = "";

    /// <summary>File that holds the password, as secret stores hand it over; read at every new connection. Not beside <see cref="Password"/>.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>True for TLS, to Sentinels too.</summary>
    public bool Ssl { get; set; }

    /// <summary>PEM file of the authorities that may have signed the server's certificate, beside those the system trusts; empty for these alone.</summary>
    public string CaFile { get; set; } = "";

    /// <summary>Name under which Sentinels watch the master; empty where there are none. They are asked anew whenever the connection breaks.</summary>
    public string SentinelMaster { get; set; } = "";

    /// <summary>Password of the Sentinels themselves, empty for none. Never logged.</summary>
    public string SentinelPassword { get; set; } = "";

    /// <summary>
    /// First part of every key; a stored format. Braces, as in <c>{analytics}</c>, keep all keys in one slot of a Redis Cluster.
    /// </summary>
    [RegularExpression("^[A-Za-z0-9{}._-]{1,64}$", ErrorMessage = "Redis:Prefix must be 1 to 64 letters, digits or any of {{}}._-")]
    [Required(ErrorMessage = "Redis:Prefix must be 1 to 64 letters, digits or any of {{}}._-")]
    public string Prefix { get; set; } = "analytics";

    /// <summary>How long an hour stays after it was last written, 1 hour to 365 days; more than <see cref="FutureTolerance"/> + 1 hour.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "365.00:00:00", ErrorMessage = "Redis:Ttl must be from 1 hour to 365 days.")]
    public TimeSpan Ttl { get; set; } = TimeSpan.FromHours(48);

    /// <summary>How long an hour brought back from the archive stays at least, 1 minute to <see cref="Ttl"/>.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00", ErrorMessage = "Redis:RefillTtl must be from 1 minute to 365 days.")]
    public TimeSpan RefillTtl { get; set; } = TimeSpan.FromHours(6);

    /// <summary>How long the archive's word that an hour has no events stays, 1 s to 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ErrorMessage = "Redis:EmptyTtl must be from 1 second to 1 hour.")]
    public TimeSpan EmptyTtl { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a refill waits for the archive to catch up with Redis, 0 to 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:30", ErrorMessage = "Redis:RefillPatience must be from 0 to 30 seconds.")]
    public TimeSpan RefillPatience { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How far ahead of now events are accepted; must be the command service's <c>Ingest:FutureTolerance</c> or more.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00", ErrorMessage = "Redis:FutureTolerance must be from 0 to 365 days.")]
    public TimeSpan FutureTolerance { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Time limit for making a connection, 100 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Redis:ConnectTimeout must be from 100 ms to 60 seconds.")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>A connection that answered nothing for this long while calls wait, or stayed broken for it, is replaced; 500 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:01:00", ErrorMessage = "Redis:SilentAfter must be from 500 ms to 60 seconds.")]
    public TimeSpan SilentAfter { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Calls under way at once, abandoned ones included, 1 to 10,000; more are refused at once.</summary>
    [Range(1, 10_000, ErrorMessage = "Redis:MaxInFlight must be from 1 to 10000.")]
    public int MaxInFlight { get; set; } = 256;
}

/// <summary>Rules that span several keys.</summary>
public sealed class RedisOptionsCheck : IValidateOptions<RedisOptions>
{
    /// <summary>An hour stays writable at least this long after the first event that could have been accepted for it.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromHours(1);

    public ValidateOptionsResult Validate(string? name, RedisOptions options)
    {
        var failures = new List<string>();
        if (options.Ttl <= options.FutureTolerance + Margin)
            failures.Add($"Redis:Ttl must be more than Redis:FutureTolerance + 1 hour ({options.FutureTolerance + Margin}).");
        if (options.RefillTtl > options.Ttl) failures.Add($"Redis:RefillTtl must be at most Redis:Ttl ({options.Ttl}).");
        if (!RedisEndpoints.TryParse(options.Endpoints, out _)) failures.Add("Redis:Endpoints must be host:port, several separated by commas.");
        if (options.PasswordFile.Length > 0 && options.Password.Length > 0) failures.Add("Redis:Password and Redis:PasswordFile are both set: keep one.");
        if (options.PasswordFile.Length > 0 && !File.Exists(options.PasswordFile))
            failures.Add($"Redis:PasswordFile {options.PasswordFile} does not exist or may not be read: name the file that holds the password.");
        if (options.CaFile.Length > 0 && !File.Exists(options.CaFile))
            failures.Add($"Redis:CaFile {options.CaFile} does not exist or may not be read: name a PEM file of certificate authorities.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
