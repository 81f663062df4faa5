using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Hosting.Overload;

/// <summary>
/// Lets requests in or refuses them before anything was done for them: 429 when a client is over its share, 503 when the whole is. A refusal costs a
/// lookup and a body written once; it has no other effect.
/// </summary>
public sealed class Admission : IDisposable
{
    private static readonly byte[] TooMany = ProblemBody.Write(StatusCodes.Status429TooManyRequests, "too-many-requests", "Too many requests.", null,
        "This client sends more than Overload:ClientRate requests a second. Nothing was done; send the request again after Retry-After.");

    private static readonly byte[] Overloaded = ProblemBody.Write(StatusCodes.Status503ServiceUnavailable, "overloaded", "Too much at once.", null,
        "Query:MaxRequests requests are at work. Nothing was done; send the request again after Retry-After.");

    private readonly OverloadOptions _options;
    private readonly PartitionedRateLimiter<HttpContext>? _clients;
    private readonly int _maxRequests;
    private int _atWork;

    /// <param name="options">Limits of one client.</param>
    /// <param name="maxRequests">Requests at work at once.</param>
    public Admission(IOptions<OverloadOptions> options, int maxRequests)
    {
        (_options, _maxRequests) = (options.Value, maxRequests);
        if (_options.ClientRate == 0) return;
        // Clients that have been silent are forgotten by the limiter itself.
        _clients = PartitionedRateLimiter.Create<HttpContext, IPAddress>(context => RateLimitPartition.GetTokenBucketLimiter(Client(context), _ => Bucket(_options)));
    }

    /// <summary>Exactly the rate, in steps of 100 ms where that goes without a rest; a bucket that could not hold a step would fall short of it.</summary>
    internal static TokenBucketRateLimiterOptions Bucket(OverloadOptions options)
    {
        var (tokens, seconds) = options.ClientRate switch
        {
            < 10 => (1, 1.0 / options.ClientRate),
            _ when options.ClientRate % 10 == 0 => (options.ClientRate / 10, 0.1),
            _ => (options.ClientRate, 1.0),
        };
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = Math.Max(options.ClientBurst, tokens),
            TokensPerPeriod = tokens,
            ReplenishmentPeriod = TimeSpan.FromSeconds(seconds),
            AutoReplenishment = true,
            QueueLimit = 0,
        };
    }

    /// <summary>Requests at work now.</summary>
    public int AtWork => Volatile.Read(ref _atWork);

    /// <summary>True when requests of one client are limited at all.</summary>
    public bool LimitsClients => _clients is not null;

    public void Dispose() => _clients?.Dispose();

    /// <summary>Lets a request in if its client has not sent too many.</summary>
    public Task EnterAsClientAsync(HttpContext context, RequestDelegate next)
    {
        if (IsWatch(context.Request.Path)) return next(context);
        using var lease = _clients!.AttemptAcquire(context);
        return lease.IsAcquired ? next(context) : RefuseAsync(context, StatusCodes.Status429TooManyRequests, TooMany);
    }

    /// <summary>Lets a request in if not too many are at work.</summary>
    public Task EnterAsync(HttpContext context, RequestDelegate next)
    {
        if (IsWatch(context.Request.Path) || IsStream(context.Request.Path)) return next(context);
        if (Interlocked.Increment(ref _atWork) > _maxRequests)
        {
            Interlocked.Decrement(ref _atWork);
            return RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, Overloaded);
        }
        Task work;
        try
        {
            work = next(context);
        }
        catch
        {
            Interlocked.Decrement(ref _atWork);
            throw;
        }
        if (!work.IsCompletedSuccessfully) return LeaveAfterAsync(work);
        Interlocked.Decrement(ref _atWork);
        return work;
    }

    private async Task LeaveAfterAsync(Task work)
    {
        try
        {
            await work.ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _atWork);
        }
    }

    /// <summary>Who watches the service must see it most of all when it has too much to do.</summary>
    private static bool IsWatch(PathString path) => path.StartsWithSegments("/health") || path.Value is "/alive" or "/metrics";

    /// <summary>Streams have a bound of their own.</summary>
    private static bool IsStream(PathString path) => path.Value is "/analytics/live";

    private IPAddress Client(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        if (_options.TrustForwardedFor && context.Request.Headers["X-Forwarded-For"] is { Count: > 0 } forwarded
            && IPAddress.TryParse(forwarded[^1]!.Split(',')[^1].Trim(), out var given)) address = given;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        var network = address.GetAddressBytes();
        network.AsSpan(8).Clear();
        return new IPAddress(network);
    }

    private Task RefuseAsync(HttpContext context, int status, byte[] body)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = ProblemBody.ContentType;
        response.ContentLength = body.Length;
        response.Headers.RetryAfter = Random.Shared.Next(1, (int)_options.MaxRetryAfter.TotalSeconds + 1).ToString(CultureInfo.InvariantCulture);
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    }
}

public static class AdmissionRegistration
{
    public static WebApplicationBuilder AddAdmission(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<OverloadOptions>(OverloadOptions.Section);
        return builder;
    }

    /// <summary>Ahead of all else that answers. What has no limit costs nothing.</summary>
    /// <param name="app">The service.</param>
    /// <param name="maxRequests">Requests at work at once; null where the service has a bound of its own.</param>
    public static void UseAdmission(this WebApplication app, int? maxRequests = null)
    {
        var admission = new Admission(app.Services.GetRequiredService<IOptions<OverloadOptions>>(), maxRequests ?? int.MaxValue);
        app.Lifetime.ApplicationStopped.Register(admission.Dispose);
        if (admission.LimitsClients) app.Use(next => context => admission.EnterAsClientAsync(context, next));
        if (maxRequests is not null) app.Use(next => context => admission.EnterAsync(context, next));
    }
}
