using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting.Overload;

namespace Tally.Tests.Unit.Hosting;

/// <summary>Who is let in, and what the others are told.</summary>
public sealed class AdmissionTests
{
    [Test]
    public async Task Past_the_bound_a_request_is_503_and_has_no_effect_until_one_has_ended()
    {
        using var admission = Of(new OverloadOptions(), maxRequests: 2);
        var work = new TaskCompletionSource();
        var begun = 0;
        Task Next(HttpContext context)
        {
            begun++;
            return work.Task;
        }
        Task[] inside = [admission.EnterAsync(Request("/analytics"), Next), admission.EnterAsync(Request("/analytics"), Next)];

        var refused = Request("/analytics");
        await admission.EnterAsync(refused, Next);
        Assert.Multiple(() =>
        {
            Assert.That(refused.Response.StatusCode, Is.EqualTo(503));
            Assert.That(int.Parse(refused.Response.Headers.RetryAfter!, System.Globalization.CultureInfo.InvariantCulture), Is.InRange(1, 5));
            Assert.That(refused.Response.ContentType, Is.EqualTo("application/problem+json"));
            Assert.That(begun, Is.EqualTo(2));
        });
        work.SetResult();
        await Task.WhenAll(inside);
        Assert.That(admission.AtWork, Is.Zero);
        await admission.EnterAsync(Request("/analytics"), Next);
        Assert.That(begun, Is.EqualTo(3));
    }

    [Test]
    public async Task A_request_that_fails_leaves_its_place()
    {
        using var admission = Of(new OverloadOptions(), maxRequests: 1);
        Assert.ThrowsAsync<IOException>(() => admission.EnterAsync(Request("/analytics"), _ => Task.FromException(new IOException())));
        Assert.Throws<IOException>(() => _ = admission.EnterAsync(Request("/analytics"), _ => throw new IOException()));
        Assert.That(admission.AtWork, Is.Zero);
        await admission.EnterAsync(Request("/analytics"), _ => Task.CompletedTask);
    }

    [TestCase("/health/live")]
    [TestCase("/health/ready")]
    [TestCase("/metrics")]
    public async Task Health_and_metrics_are_let_in_always(string path)
    {
        using var admission = Of(new OverloadOptions { ClientRate = 1, ClientBurst = 1 }, maxRequests: 1);
        var stuck = admission.EnterAsync(Request("/analytics"), _ => new TaskCompletionSource().Task);
        for (var i = 0; i < 5; i++)
        {
            var request = Request(path);
            await admission.EnterAsClientAsync(request, context => admission.EnterAsync(context, _ => Task.CompletedTask));
            Assert.That(request.Response.StatusCode, Is.EqualTo(200));
        }
        Assert.That(stuck.IsCompleted, Is.False);
    }

    [Test]
    public async Task A_stream_takes_no_place_but_counts_for_its_client()
    {
        using var admission = Of(new OverloadOptions { ClientRate = 1, ClientBurst = 2 }, maxRequests: 1);
        _ = admission.EnterAsync(Request("/analytics"), _ => new TaskCompletionSource().Task);
        var statuses = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            var request = Request("/analytics/live");
            await admission.EnterAsClientAsync(request, context => admission.EnterAsync(context, _ => Task.CompletedTask));
            statuses.Add(request.Response.StatusCode);
        }
        Assert.That(statuses, Is.EqualTo(new[] { 200, 200, 429 }));
    }

    [TestCase(1, 1_000)]
    [TestCase(7, 1_000)]
    [TestCase(10, 1)]
    [TestCase(19, 1)]
    [TestCase(1_005, 1_000)]
    [TestCase(50_000, 1_000)]
    [TestCase(1_000_000, 1)]
    public void A_client_gets_the_rate_that_is_set_and_no_less(int rate, int burst)
    {
        var bucket = Admission.Bucket(new OverloadOptions { ClientRate = rate, ClientBurst = burst });
        Assert.Multiple(() =>
        {
            Assert.That(bucket.TokensPerPeriod / bucket.ReplenishmentPeriod.TotalSeconds, Is.EqualTo(rate).Within(0.001 * rate));
            Assert.That(bucket.TokenLimit, Is.GreaterThanOrEqualTo(bucket.TokensPerPeriod).And.GreaterThanOrEqualTo(burst));
        });
    }

    [Test]
    public async Task A_client_over_its_share_is_429_and_others_are_not()
    {
        using var admission = Of(new OverloadOptions { ClientRate = 1, ClientBurst = 3 });
        Assert.That(await StatusesAsync(admission, "10.0.0.1", 5), Is.EqualTo(new[] { 200, 200, 200, 429, 429 }));
        Assert.That(await StatusesAsync(admission, "10.0.0.2", 3), Is.EqualTo(new[] { 200, 200, 200 }));
        // One customer has a whole IPv6 network of 64 bits.
        Assert.That(await StatusesAsync(admission, "2001:db8::1", 3), Is.EqualTo(new[] { 200, 200, 200 }));
        Assert.That(await StatusesAsync(admission, "2001:db8::2", 1), Is.EqualTo(new[] { 429 }));
        Assert.That(await StatusesAsync(admission, "2001:db8:0:1::1", 1), Is.EqualTo(new[] { 200 }));
    }

    [TestCase(true, 200)]
    [TestCase(false, 429)]
    public async Task Only_a_trusted_gateway_may_say_who_the_client_is(bool trusted, int expected)
    {
        using var admission = Of(new OverloadOptions { ClientRate = 1, ClientBurst = 1, TrustForwardedFor = trusted });
        await StatusesAsync(admission, "10.0.0.1", 1, forwardedFor: "198.51.100.7");
        Assert.That(await StatusesAsync(admission, "10.0.0.1", 1, forwardedFor: "198.51.100.7, 198.51.100.8"), Is.EqualTo(new[] { expected }));
    }

    private static Admission Of(OverloadOptions options, int maxRequests = 100) => new(Options.Create(options), maxRequests);

    private static DefaultHttpContext Request(string path, string client = "127.0.0.1")
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        context.Request.Path = path;
        context.Connection.RemoteIpAddress = IPAddress.Parse(client);
        return context;
    }

    private static async Task<List<int>> StatusesAsync(Admission admission, string client, int count, string? forwardedFor = null)
    {
        var statuses = new List<int>();
        for (var i = 0; i < count; i++)
        {
            var request = Request("/analytics", client);
            if (forwardedFor is not null) request.Request.Headers["X-Forwarded-For"] = forwardedFor;
            await admission.EnterAsClientAsync(request, _ => Task.CompletedTask);
            statuses.Add(request.Response.StatusCode);
        }
        return statuses;
    }
}
