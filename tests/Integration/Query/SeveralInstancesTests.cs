using Tally.Shared.Contracts;
using Tally.Tests.Integration.Command;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Query;

/// <summary>
/// Two query instances on one archive. The Redis of the second is a replica that is cut off, so that it goes on answering with numbers of a while ago, and that hangs.
/// </summary>
public sealed class SeveralInstancesTests
{
    private static readonly long ThisHour = Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

    private QueryStores _stores = null!;
    private RedisServer _replica = null!;
    private ServiceProcess? _second;
    private HttpClient _http = null!;
    private TruthWriter _truth = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _stores = await QueryStores.StartAsync();
        _replica = await RedisServer.StartAsync();
        await FollowAsync();
        (_second, _http) = _stores.StartAnother(_replica);
        var seed = Environment.TickCount;
        await TestContext.Progress.WriteLineAsync($"SeveralInstancesTests seed {seed}");
        _truth = TruthWriter.Start(seed, [ThisHour], _stores.Connection, _stores.Settings, _stores.Archive.Database);
        await _stores.ReadyAsync();
        await QueryStores.ReadyAsync(_http);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_second is null) return;
        if (TestContext.CurrentContext.Result.FailCount > 0) await TestContext.Out.WriteLineAsync(_second.Log);
        await _truth.DisposeAsync();
        _http.Dispose();
        await _second.DisposeAsync();
        await _replica.DisposeAsync();
        await _stores.DisposeAsync();
    }

    [Test]
    public async Task Who_sends_back_what_a_read_answered_never_sees_a_number_fall_from_one_instance_to_the_other()
    {
        HttpClient[] instances = [_stores.Http, _http];
        var plain = new InstanceReader(instances, ThisHour, sendsBack: false);
        var careful = new InstanceReader(instances, ThisHour, sendsBack: true);
        async Task ReadBothAsync()
        {
            await plain.ReadAsync();
            await careful.ReadAsync();
        }

        // Until one who sends nothing back has seen the numbers fall: so the second instance was behind, unmarked.
        await CutOffUntilAsync(async () =>
        {
            await ReadBothAsync();
            return plain.Falls.Count > 0;
        });
        await EachAnswersAsync("while the replica is cut off", careful, ReadBothAsync);
        await FollowAsync();
        await _replica.PauseAsync();
        await EachAnswersAsync("while the replica hangs", careful, ReadBothAsync);
        await _replica.ContinueAsync();
        await EachAnswersAsync("when all is well again", careful, ReadBothAsync);

        Assert.That(careful.Falls, Is.Empty);
        Assert.That(careful.Refused, Is.Zero, "the archive had come as far in time");
    }

    [Test]
    public async Task Through_the_door_no_client_sees_a_number_fall()
    {
        await using var door = await DoorApp.StartAsync(_stores.Http.BaseAddress!, _http.BaseAddress!);
        // Neighbours read at different instances.
        var clients = new List<HttpClient>();
        foreach (var address in (string[])["127.0.0.2", "127.0.0.3"])
        {
            clients.Add(ClientAt.Address(address));
            clients[^1].BaseAddress = door.Address;
        }
        var readers = clients.ConvertAll(c => new InstanceReader([c], ThisHour, sendsBack: false));
        var between = new InstanceReader([_stores.Http, _http], ThisHour, sendsBack: false);

        await CutOffUntilAsync(async () =>
        {
            foreach (var reader in readers) await reader.ReadAsync();
            await between.ReadAsync();
            return between.Falls.Count > 0;
        });
        await FollowAsync();
        foreach (var client in clients) client.Dispose();

        Assert.That(readers.SelectMany(r => r.Falls), Is.Empty);
        Assert.That(readers.Select(r => r.TakeAnsweredBy()), Is.EqualTo(new[] { 1, 1 }));
    }

    private async Task FollowAsync() =>
        Assert.That(await _replica.DoAsync("REPLICAOF", "127.0.0.1", $"{_stores.Redis.Port}"), Does.StartWith("+OK"));

    /// <summary>Cut off, the replica is fresh for <c>Query:FreshWithin</c> only: it follows and is cut off again and again.</summary>
    private async Task CutOffUntilAsync(Func<Task<bool>> holds)
    {
        for (var turn = 0; turn < 10; turn++)
        {
            await FollowAsync();
            await Eventually.HoldsAsync("the replica follows", async () => (await _replica.DoAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal));
            await _replica.DoAsync("REPLICAOF", "NO", "ONE");
            for (var n = 0; n < 60; n++)
            {
                if (await holds()) return;
                await Task.Delay(25);
            }
        }
        Assert.Fail("no instance was ever behind the other");
    }

    private static async Task EachAnswersAsync(string when, InstanceReader reader, Func<Task> read)
    {
        reader.TakeAnsweredBy();
        await Eventually.HoldsAsync($"both instances answer unmarked {when}", async () =>
        {
            for (var n = 0; n < 10; n++) await read();
            return reader.TakeAnsweredBy() == 2;
        });
    }
}
