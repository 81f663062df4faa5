using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>
/// The one connection of a process to Redis. It is made in the background by the first call and replaced when it was silent or broken
/// for <c>Redis:SilentAfter</c>: the client itself waits for ever on a server that hangs. Behind Sentinels it is replaced as soon as it breaks.
/// </summary>
public sealed partial class RedisConnection(IOptions<RedisOptions> options, TimeProvider clock, ILogger<RedisConnection> logger) : IAsyncDisposable
{
    private readonly RedisOptions _options = options.Value;
    private readonly Lock _gate = new();
    private Task<RedisLink>? _link;
    private long _epoch;
    private bool _disposed;

    /// <summary>Counts connections made and restored. After a change Redis may have lost its newest writes.</summary>
    public long Epoch => Interlocked.Read(ref _epoch);

    /// <summary>
    /// Makes a call. It ends when Redis answers or <paramref name="cancellation"/> is cancelled, whichever comes first; there is no other
    /// time limit.
    /// </summary>
    /// <exception cref="RedisUnavailableException">No connection, or <c>Redis:MaxInFlight</c> calls are under way.</exception>
    /// <exception cref="RedisException">What Redis or the client says.</exception>
    public async Task<T> CallAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellation)
    {
        var link = await LinkAsync().WaitAsync(cancellation).ConfigureAwait(false);
        return await link.CallAsync(call, cancellation).ConfigureAwait(false);
    }

    /// <summary>One of our scripts. The text goes along each time, so that an emptied script cache is no fault.</summary>
    /// <exception cref="RedisUnavailableException">Also when Redis is at its maxmemory; the script wrote nothing then.</exception>
    internal async Task<RedisResult> EvaluateAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellation)
    {
        try
        {
            return await CallAsync(redis => redis.ScriptEvaluateAsync(script, keys, arguments, CommandFlags.NoScriptCache), cancellation).ConfigureAwait(false);
        }
        catch (RedisServerException e) when (e.Message.Contains("OOM ", StringComparison.Ordinal))
        {
            // Versions before 7 put words of their own before the code.
            throw new RedisUnavailableException(
                $"Redis at {_options.Endpoints} is full and takes no writes: raise its maxmemory, or lower Redis:Ttl so that hours leave it sooner.", e);
        }
    }

    /// <summary>Asks Redis for a sign of life.</summary>
    public Task<TimeSpan> PingAsync(CancellationToken cancellation) => CallAsync(redis => redis.PingAsync(), cancellation);

    public async ValueTask DisposeAsync()
    {
        Task<RedisLink>? link;
        lock (_gate)
        {
            _disposed = true;
            link = _link;
            _link = null;
        }
        if (link is not null) await EndAsync(link).ConfigureAwait(false);
    }

    private Task<RedisLink> LinkAsync()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_link is { IsCompletedSuccessfully: true } made && Silent(made)) Replace(made);
            if (_link is { IsFaulted: true }) _link = null;
            return _link ??= Task.Run(ConnectAsync);
        }
    }

    private bool Silent(Task<RedisLink> made)
    {
        var link = made.GetAwaiter().GetResult();
        return link.Obsolete || link.Silence > _options.SilentAfter;
    }

    private void Replace(Task<RedisLink> link)
    {
        Replaced(logger, _options.SilentAfter);
        _link = null;
        _ = EndAsync(link);
    }

    private async Task<RedisLink> ConnectAsync()
    {
        try
        {
            var link = new RedisLink(await OpenAsync().ConfigureAwait(false), _options.MaxInFlight, clock);
            link.Multiplexer.ConnectionFailed += (_, e) =>
            {
                Lost(logger, e.FailureType);
                // After a failover the address is another one.
                if (_options.SentinelMaster.Length > 0) link.Obsolete = true;
            };
            link.Multiplexer.ConnectionRestored += (_, e) =>
            {
                if (e.ConnectionType != ConnectionType.Interactive) return;
                Interlocked.Increment(ref _epoch);
                Restored(logger);
            };
            Interlocked.Increment(ref _epoch);
            if (link.Multiplexer.IsConnected) Connected(logger, _options.Endpoints);
            return link;
        }
        catch (Exception e) when (e is not (OperationCanceledException or RedisUnavailableException))
        {
            throw new RedisUnavailableException($"Redis at {_options.Endpoints} cannot be reached.", e);
        }
    }

    private async Task<ConnectionMultiplexer> OpenAsync()
    {
        if (!RedisEndpoints.TryParse(_options.Endpoints, out var endpoints)) throw new RedisUnavailableException("Redis:Endpoints is no list of host:port.");
        if (_options.SentinelMaster.Length > 0) endpoints = [await RedisSentinels.MasterAsync(_options, endpoints).ConfigureAwait(false)];
        var certificates = new RedisCertificates(_options.CaFile);
        var configuration = RedisClientConfig.Of(_options, endpoints, certificates);
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
        try
        {
            await RedisServerCheck.RunAsync(multiplexer, configuration, certificates, _options).ConfigureAwait(false);
            return multiplexer;
        }
        catch
        {
            multiplexer.Dispose();
            throw;
        }
    }

    private static async Task EndAsync(Task<RedisLink> link)
    {
        try
        {
            var ended = await link.ConfigureAwait(false);
            await Task.Run(() => ended.Multiplexer.Close(allowCommandsToComplete: false)).ConfigureAwait(false);
            ended.Multiplexer.Dispose();
        }
        catch (Exception e) when (e is RedisException or RedisUnavailableException or TimeoutException or ObjectDisposedException)
        {
            // It is being thrown away because it does not work.
        }
    }

    [LoggerMessage(EventId = 5001, Level = LogLevel.Information, Message = "Connected to Redis at {Endpoints}")]
    private static partial void Connected(ILogger logger, string endpoints);

    [LoggerMessage(EventId = 5002, Level = LogLevel.Warning, Message = "Lost the connection to Redis: {Failure}")]
    private static partial void Lost(ILogger logger, ConnectionFailureType failure);

    [LoggerMessage(EventId = 5003, Level = LogLevel.Information, Message = "The connection to Redis is back")]
    private static partial void Restored(ILogger logger);

    [LoggerMessage(EventId = 5004, Level = LogLevel.Warning, Message = "Replacing the connection to Redis: silent or broken for {Limit}")]
    private static partial void Replaced(ILogger logger, TimeSpan limit);
}
