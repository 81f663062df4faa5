using Tally.Tests.Support;

namespace Tally.Tests.Integration.Materializer;

public sealed partial class SinkFaultTests
{
    [Test]
    public async Task A_full_Redis_takes_nothing_says_so_and_goes_on_when_there_is_room()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();
        await _redis.DoAsync("CONFIG", "SET", "maxmemory", "1");
        var held = await EverythingAsync();

        for (var i = 1; i <= 200; i++) Commit(hour: _hour - 10 - i, clicks: i);
        Commit(clicks: 2);
        await HoldsAsync(_archive.Reader, 2);
        await Eventually.HoldsAsync("the Redis sink says what is wrong", () => Task.FromResult(_sinks!.Redis.Trouble?.Contains("is full", StringComparison.Ordinal) is true));

        Assert.That(_sinks!.Redis.Trouble, Does.Contain("raise its maxmemory").And.Contain("Redis:Ttl"));
        Assert.That(await EverythingAsync(), Is.EqualTo(held), "something was written");

        await _redis.DoAsync("CONFIG", "SET", "maxmemory", "0");
        await HoldsProgressAsync();
        await Eventually.HoldsAsync("the Redis sink is well", () => Task.FromResult(_sinks!.Redis.Trouble is null));
        Assert.That(await _redis.FieldAsync(_hour, "clicks"), Is.EqualTo("2"));
        for (var i = 1; i <= 200; i++)
            Assert.That(await _redis.FieldAsync(_hour - 10 - i, "clicks"), Is.EqualTo(i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>A digest of all that Redis holds.</summary>
    private async Task<string> EverythingAsync() => await _redis.Server.DoAsync("DEBUG", "DIGEST");
}
