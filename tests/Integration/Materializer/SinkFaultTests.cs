using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Tests.Integration.Archive;
using Tally.Tests.Integration.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Materializer;

/// <summary>The sinks on a topic in memory, a real Redis and a real archive, while things break.</summary>
public sealed partial class SinkFaultTests
{
    private MemoryTopic _topic = null!;
    private RedisView _redis = null!;
    private TemporaryArchive _archive = null!;
    private RunningSinks? _sinks;
    private long _hour;
    private long _offset;

    [SetUp]
    public async Task StartAsync()
    {
        _topic = new MemoryTopic(2);
        _redis = await RedisView.StartAsync(options => options.SilentAfter = TimeSpan.FromSeconds(1));
        _archive = TemporaryArchive.Missing();
        _hour = RedisView.ThisHour;
        _offset = 0;
    }

    [TearDown]
    public async Task StopAsync()
    {
        if (_sinks is not null) await _sinks.DisposeAsync();
        _sinks = null;
        await _archive.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Test]
    public async Task Both_sinks_hold_what_was_written()
    {
        Commit(clicks: 1);
        Commit(clicks: 2);
        await RunAsync();

        await HoldsAsync(_archive.Reader, 2);
        var redis = await HoldsProgressAsync();

        Assert.That(redis.Progress.AsOfMs, Is.EqualTo(_offset));
    }

    [Test]
    public async Task An_emptied_Redis_is_filled_again_from_the_beginning_without_a_restart()
    {
        Commit(hour: _hour - 1000, clicks: 7);
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();
        _topic.Compact();

        await _redis.DoAsync("FLUSHALL");
        Commit(clicks: 2);

        await HoldsProgressAsync();
        Assert.That(await _redis.FieldAsync(_hour - 1000, "clicks"), Is.EqualTo("7"), "an hour of long ago came back too");
        Assert.That((await _redis.ReadAsync(_hour)).State, Is.EqualTo(HourState.Incomplete), "only a refill may vouch for an hour that began before Redis");
    }

    [Test]
    public async Task A_killed_Redis_that_comes_back_empty_is_filled_again_while_the_archive_went_on()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();

        await _redis.Server.KillAsync();
        Commit(clicks: 2);
        await HoldsAsync(_archive.Reader, 2);
        await Eventually.HoldsAsync("the Redis sink says what is wrong", () => Task.FromResult(_sinks!.Redis.Trouble is not null));
        await _redis.Server.RestartAsync();

        await HoldsProgressAsync();
        await Eventually.HoldsAsync("the Redis sink is well", () => Task.FromResult(_sinks!.Redis.Trouble is null));
    }

    [Test]
    public async Task A_Redis_that_comes_back_with_an_old_dump_catches_up_without_a_restart()
    {
        Commit(hour: _hour - 1000, clicks: 7);
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();
        Assert.That(await _redis.Server.DoAsync("SAVE"), Is.EqualTo("+OK"));
        Commit(hour: _hour - 1000, clicks: 8);
        Commit(clicks: 2);
        await HoldsProgressAsync();
        _topic.Compact();

        await _redis.Server.KillAsync();
        await _redis.Server.RestartAsync();
        Assert.That(await _redis.Server.DoAsync("HGET", RedisView.Key(_hour - 1000), "clicks"), Is.AnyOf("7", "8"), "the dump was not read");
        Commit(clicks: 3);

        await HoldsProgressAsync();
        Assert.That(await _redis.FieldAsync(_hour - 1000, "clicks"), Is.EqualTo("8"), "what was written after the dump is missing");
    }

    [Test]
    public async Task A_Redis_that_hangs_is_written_again_once_it_goes_on()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();

        await _redis.Server.PauseAsync();
        Commit(clicks: 2);
        await HoldsAsync(_archive.Reader, 2);
        await Eventually.HoldsAsync("the Redis sink says what is wrong", () => Task.FromResult(_sinks!.Redis.Trouble is not null));
        await _redis.Server.ContinueAsync();

        await HoldsProgressAsync();
    }

    [Test]
    public async Task A_locked_archive_does_not_hold_up_Redis()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsAsync(_archive.Reader, 1);
        var other = _archive.Open();
        var release = new TaskCompletionSource();
        var locked = other.WriteAsync(async _ =>
        {
            await release.Task;
            return 0;
        }, CancellationToken.None);

        Commit(clicks: 2);
        await HoldsProgressAsync();
        release.SetResult();
        await locked;

        await HoldsAsync(_archive.Reader, 2);
    }

    [Test]
    public async Task A_sink_that_starts_again_goes_on_where_its_store_stands()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();
        await HoldsAsync(_archive.Reader, 1);
        await _sinks!.DisposeAsync();
        Commit(clicks: 2);
        await RunAsync();

        await HoldsProgressAsync();
        await HoldsAsync(_archive.Reader, 2);
    }

    [Test]
    public async Task A_lost_broker_costs_a_session_and_nothing_else()
    {
        Commit(clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();
        _topic.LoseNextRead = true;
        Commit(clicks: 2);

        await HoldsProgressAsync();
    }

    [Test]
    public async Task A_backlog_larger_than_many_batches_arrives_whole()
    {
        for (var i = 1; i <= 3000; i++) Commit(hour: _hour - i % 50, clicks: i);
        await RunAsync();
        await HoldsProgressAsync();

        Assert.Multiple(async () =>
        {
            for (var i = 2951; i <= 3000; i++)
                Assert.That(await _redis.FieldAsync(_hour - i % 50, "clicks"), Is.EqualTo(i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        });
    }

    [Test]
    public async Task An_hour_further_ahead_than_Redis_reckons_with_stops_the_service_with_a_sentence_that_names_both_keys()
    {
        Commit(clicks: 1);
        Commit(hour: _hour + 2, clicks: 1);
        await RunAsync();
        await HoldsProgressAsync();

        var far = _hour + 4;
        Commit(hour: far, clicks: 1);

        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(_sinks.Life.Logger.All, Does.Contain("Redis:FutureTolerance (02:00:00)").And.Contain("Ingest:FutureTolerance"));
        Assert.That(await _redis.FieldAsync(far, "complete"), Is.Null, "the hour came to Redis");
        Assert.That(await _redis.FieldAsync(_hour + 2, "clicks"), Is.EqualTo("1"), "an hour within the tolerance");
    }

    [TestCase("hour-partial/9")]
    [TestCase("something-else/1")]
    public async Task A_record_of_an_unknown_type_stops_the_service_with_a_sentence(string type)
    {
        _topic.Add(0, RecordKeys.HourPartial(_hour, 0), [1, 2, 3], type);
        await RunAsync();

        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(_sinks.Life.Logger.All, Does.Contain($"offset 0 of partition 0 of analytics.hours is of type '{type}'"));
    }

    [Test]
    public async Task A_record_that_is_none_of_ours_stops_the_service_and_a_tombstone_lets_it_pass()
    {
        _topic.Add(0, "hello"u8.ToArray(), [1]);
        await RunAsync();
        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        await _sinks.DisposeAsync();

        _topic.Add(0, "hello"u8.ToArray(), null);
        _topic.Compact();
        Commit(clicks: 1);
        await RunAsync();

        await HoldsProgressAsync();
    }

    [Test]
    public async Task A_topic_shorter_than_what_was_read_stops_the_service_with_a_sentence()
    {
        Commit(clicks: 1);
        Commit(clicks: 2);
        await RunAsync();
        await HoldsProgressAsync();
        await HoldsAsync(_archive.Reader, 2);
        await _sinks!.DisposeAsync();

        _topic.Recreate();
        await RunAsync();

        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(_sinks.Life.Logger.All, Does.Contain("the topic was recreated"));
    }

    private async Task RunAsync() => _sinks = await RunningSinks.StartAsync(_topic, _redis.Store, _archive.Database);

    /// <summary>What one commit of the processor writes: counts of partition 0, progress of both.</summary>
    private void Commit(long clicks, long? hour = null)
    {
        _offset++;
        _topic.Add(RedisView.Partial(hour ?? _hour, 0, _offset, clicks, 0, 1));
        _topic.Add(RedisView.Progress(0, _offset, asOfMs: _offset));
        _topic.Add(RedisView.Progress(1, _offset, asOfMs: _offset));
    }

    private async Task<HourReading> HoldsProgressAsync()
    {
        HourReading reading = null!;
        await Eventually.HoldsAsync($"Redis has come to offset {_offset}", async () =>
        {
            try
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                reading = await _redis.Reader.ReadAsync(_hour, limit.Token);
                return reading.Progress.HasReached(0, _offset - 1) && reading.Progress.HasReached(1, _offset - 1);
            }
            catch (Exception e) when (e is StackExchange.Redis.RedisException or RedisUnavailableException)
            {
                return false;
            }
        });
        return reading;
    }

    private async Task HoldsAsync(SqlHourArchive source, long clicks) =>
        await Eventually.HoldsAsync($"{source.Name} has {clicks} clicks", async () =>
        {
            try
            {
                var reading = await source.ReadAsync(_hour, CancellationToken.None);
                return reading.Counts.Clicks == clicks && reading.Progress.HasReached(0, _offset - 1);
            }
            catch (ArchiveNotReadyException)
            {
                return false;
            }
        });
}
