using Tally.Shared.ReadModel;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>A Redis at its maxmemory with noeviction: each script is refused whole, in whichever state it meets the keys.</summary>
public sealed class RedisFullTests
{
    [Test]
    public async Task Every_script_that_writes_is_refused_whole([Values] bool birthIsKnown)
    {
        await using var redis = await RedisView.StartAsync();
        var hour = ThisHour + 1;
        await redis.ApplyAsync(Batch(0, 0, 2, Partial(hour, 0, 10, 1, 2, 3), Progress(0, 10)));
        var (mark, _) = await redis.Refill.BeginAsync(1, hour, CancellationToken.None);
        // An hour to trim, so that there is something to free; with other settings the set is made anew.
        await redis.DoAsync("ZADD", "analytics:birth", "1", "1");
        var settings = birthIsKnown ? redis.Settings : new RedisOptions { Ttl = TimeSpan.FromHours(72), FutureTolerance = TimeSpan.Zero, Endpoints = redis.Settings.Endpoints };
        await redis.DoAsync("CONFIG", "SET", "maxmemory", "1");
        var held = await redis.Server.DoAsync("DEBUG", "DIGEST");

        await RefusedAsync(() => redis.StoreWith(settings).WriteAsync(Batch(0, 2, 4, Partial(hour + 1, 0, 20, 1, 2, 3), Progress(0, 20)), CancellationToken.None));
        await RefusedAsync(() => redis.StoreWith(settings).WriteAsync(Batch(0, 2, 4, Progress(0, 20)), CancellationToken.None));
        await RefusedAsync(() => redis.Refill.BeginAsync(1, hour + 2, CancellationToken.None));
        await RefusedAsync(() => redis.Refill.MergeAsync(1, hour, mark, [Partial(hour, 1, 5, 1, 1, 1)], CancellationToken.None));
        await RefusedAsync(() => redis.Refill.MergeAsync(1, hour, mark, [], CancellationToken.None));

        Assert.That(await redis.Server.DoAsync("DEBUG", "DIGEST"), Is.EqualTo(held), "something was written");
        Assert.That((await redis.ReadAsync(hour)).Counts, Is.EqualTo(new HourCounts(3, 1, 2)), "what it holds is still read");

        await redis.DoAsync("CONFIG", "SET", "maxmemory", "0");
        await redis.ApplyAsync(Batch(0, 2, 4, Partial(hour + 1, 0, 20, 4, 5, 6), Progress(0, 20)));
        Assert.That((await redis.ReadAsync(hour + 1)).Counts, Is.EqualTo(new HourCounts(6, 4, 5)));
    }

    private static async Task RefusedAsync(Func<Task> write)
    {
        var refusal = Assert.ThrowsAsync<RedisUnavailableException>(() => write())!;
        Assert.That(refusal.Message, Does.Contain("full").And.Contain("maxmemory"));
        await Task.CompletedTask;
    }
}
