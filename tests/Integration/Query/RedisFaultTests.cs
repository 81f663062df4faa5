using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Query;

/// <summary>Whatever happens to Redis under GETs: no wrong number, no error while the archive answers, and Redis fills again.</summary>
public sealed class RedisFaultTests
{
    private static readonly long ThisHour = Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
    private static readonly long[] Read = [ThisHour, ThisHour - 1, ThisHour - 100, 0];

    private QueryStores _stores = null!;
    private TruthWriter _truth = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _stores = await QueryStores.StartAsync();
        var seed = Environment.TickCount;
        await TestContext.Progress.WriteLineAsync($"RedisFaultTests seed {seed}");
        _truth = TruthWriter.Start(seed, Read, _stores.Connection, _stores.Settings, _stores.Archive.Database);
        await _stores.ReadyAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_stores is null) return;
        if (TestContext.CurrentContext.Result.FailCount > 0) await TestContext.Out.WriteLineAsync(_stores.Query.Log);
        await _truth.DisposeAsync();
        await _stores.DisposeAsync();
    }

    [Test, Order(1)]
    public async Task An_emptied_Redis() => await UnderGetsAsync(async () =>
    {
        await _stores.DoAsync("FLUSHALL");
        await Task.Delay(1000);
    });

    [Test, Order(2)]
    public async Task A_single_key_gone() => await UnderGetsAsync(async () =>
    {
        foreach (var hour in Read)
        {
            await _stores.DoAsync("DEL", $"analytics:hour:{Hours.Name(hour)}");
            await Task.Delay(200);
        }
    });

    [Test, Order(3)]
    public async Task A_Redis_that_takes_no_writes() => await UnderGetsAsync(async () =>
    {
        await _stores.DoAsync("REPLICAOF", "127.0.0.1", "1");
        await Task.Delay(1000);
        await _stores.DoAsync("REPLICAOF", "NO", "ONE");
    });

    [Test, Order(3)]
    public async Task A_full_Redis() => await UnderGetsAsync(async () =>
    {
        await _stores.DoAsync("CONFIG", "SET", "maxmemory", "1");
        await _stores.DoAsync("DEL", $"analytics:hour:{Hours.Name(ThisHour)}");
        await Task.Delay(1000);
        await _stores.DoAsync("CONFIG", "SET", "maxmemory", "0");
    });

    [Test, Order(4)]
    public async Task A_Redis_that_hangs() => await UnderGetsAsync(async () =>
    {
        await _stores.Redis.PauseAsync();
        await Task.Delay(FaultTime.Or(TimeSpan.FromSeconds(1.5)));
        await _stores.Redis.ContinueAsync();
    });

    [Test, Order(4)]
    public async Task A_Redis_that_forgot_its_scripts() => await UnderGetsAsync(async () =>
    {
        for (var turn = 0; turn < 10; turn++)
        {
            await _stores.DoAsync("SCRIPT", "FLUSH");
            await Task.Delay(50);
        }
    });

    [Test, Order(4)]
    public async Task A_Redis_whose_dump_fails_and_that_takes_no_writes_therefore()
    {
        await UnderGetsAsync(async () =>
        {
            await _stores.Redis.DoAsync("CONFIG", "SET", "save", "3600 1000000");
            _stores.Redis.MakeDumpsFail();
            await Eventually.HoldsAsync("Redis refuses writes for its dump", async () =>
            {
                await _stores.Redis.DoAsync("BGSAVE");
                return (await _stores.Redis.DoAsync("SET", "somebody-elses-key", "1")).StartsWith("-MISCONF", StringComparison.Ordinal);
            });
            await Task.Delay(FaultTime.Or(TimeSpan.FromSeconds(1)));
            await _stores.Redis.KillAsync();
            await _stores.Redis.RestartAsync();
        });
    }

    [Test, Order(4)]
    public async Task A_Redis_that_comes_back_with_an_old_dump_and_takes_its_time_to_load_it()
    {
        // With these it is loading for two seconds, and answers meanwhile that it does.
        await _stores.DoAsync("EVAL", "for n = 1, 20000 do redis.call('SET', 'somebody-elses-' .. n, n) end", 0);
        var loading = false;
        await UnderGetsAsync(async () =>
        {
            Assert.That(await _stores.Redis.DoAsync("SAVE"), Is.EqualTo("+OK"));
            await Task.Delay(FaultTime.Or(TimeSpan.FromSeconds(1)));
            await _stores.Redis.KillAsync();
            var back = _stores.Redis.RestartAsync();
            while (!back.IsCompleted)
            {
                loading |= await _stores.Redis.IsLoadingAsync();
                await Task.Delay(20);
            }
            await back;
        });
        Assert.That(loading, Is.True, "it was back at once: the test shows nothing");
    }

    [Test, Order(4)]
    public async Task An_emptied_Redis_while_the_archive_is_behind() => await UnderGetsAsync(async () =>
    {
        _truth.HoldArchive = true;
        await Task.Delay(FaultTime.Or(TimeSpan.FromSeconds(1)));
        await _stores.DoAsync("FLUSHALL");
        await Task.Delay(1000);
        _truth.HoldArchive = false;
    });

    [Test, Order(5)]
    public async Task A_killed_Redis() => await UnderGetsAsync(async () =>
    {
        await _stores.Redis.KillAsync();
        await Task.Delay(1000);
        using var ready = await _stores.Http.GetAsync("/health/ready");
        Assert.That(ready.StatusCode, Is.EqualTo(HttpStatusCode.OK), "the archive answers");
        Assert.That(await ready.Content.ReadAsStringAsync(), Does.StartWith("Degraded\n"));
        await _stores.Redis.RestartAsync();
    });

    [Test, Order(5)]
    public async Task A_killed_query_service_that_finds_Redis_empty_answers_whole_from_its_first_answer_on()
    {
        _truth.Still = true;
        await _stores.Query.KillAsync();
        await _stores.DoAsync("FLUSHALL");
        _stores.Query.Start();
        await _stores.ReadyAsync();

        foreach (var hour in Read)
        {
            using var answer = await _stores.Http.GetAsync($"/analytics?timestamp={Hours.StartMs(hour)}");
            Assert.That(HourReaders.Parse(await answer.Content.ReadAsStringAsync()), Is.EqualTo(_truth.Now(hour)), $"hour {hour}");
        }
        await UnderGetsAsync(() => Task.CompletedTask);
    }

    [Test, Order(6)]
    public async Task Accounting_tells_what_each_source_holds()
    {
        var json = await _stores.Http.GetFromJsonAsync<JsonElement>("/accounting");
        var job = json.GetProperty("jobs")[0];

        Assert.Multiple(() =>
        {
            Assert.That(job.GetProperty("outcomes").GetProperty("read").GetInt64(), Is.GreaterThan(0)
                .And.EqualTo(job.GetProperty("outcomes").GetProperty("counted").GetInt64()));
            Assert.That(job.GetProperty("sources").EnumerateArray().Select(s => s.GetProperty("source").GetString()), Is.EqualTo(new[] { "redis", "archive" }));
            Assert.That(job.GetProperty("sources").EnumerateArray().Select(s => s.GetProperty("oldest_not_visible_ms").GetInt64()), Has.All.InRange(0, 5000));
            Assert.That(job.GetProperty("partitions").GetArrayLength(), Is.EqualTo(2));
        });
    }

    [Test, Order(7)]
    public async Task It_ends_cleanly_when_asked_to_under_load()
    {
        using var limit = new CancellationTokenSource();
        var gets = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                while (!limit.IsCancellationRequested) await _stores.Http.GetStringAsync($"/analytics?timestamp={Hours.StartMs(ThisHour)}");
            }
            catch (HttpRequestException)
            {
                // Closed, as asked.
            }
        })).ToArray();
        await Task.Delay(100);

        Assert.That(await _stores.Query.StopAsync(TimeSpan.FromSeconds(10)), Is.Zero, () => _stores.Query.Log);
        await limit.CancelAsync();
        await Task.WhenAll(gets);
    }

    private async Task UnderGetsAsync(Func<Task> fault)
    {
        _truth.Still = false;
        await using var readers = new HourReaders(_stores.Http, _truth, Read, clients: 6);
        await Task.Delay(300);

        await fault();

        _truth.Still = true;
        foreach (var hour in Read)
        {
            await Eventually.HoldsAsync($"hour {hour} is whole again, here and in Redis", async () =>
            {
                using var answer = await _stores.Http.GetAsync($"/analytics?timestamp={Hours.StartMs(hour)}");
                var counts = HourReaders.Parse(await answer.Content.ReadAsStringAsync());
                if (answer.Headers.Contains("Tally-Stale") || counts != _truth.Now(hour)) return false;
                var redis = await new RedisHourView(_stores.Connection, Microsoft.Extensions.Options.Options.Create(_stores.Settings))
                    .ReadAsync(hour, CancellationToken.None);
                return redis.State == HourState.Complete && redis.Counts == counts;
            });
        }
        await TestContext.Out.WriteLineAsync(readers.Summary);
        Assert.That(readers.Wrong.Take(5), Is.Empty);
        Assert.That(readers.Answers, Is.GreaterThan(50));
    }
}
