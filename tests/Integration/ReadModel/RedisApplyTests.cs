using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.ReadModel;

public sealed class RedisApplyTests
{
    private RedisView _redis = null!;
    private long _next;

    [OneTimeSetUp]
    public async Task StartAsync() => _redis = await RedisView.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _redis.DisposeAsync();

    [SetUp]
    public async Task EmptyAsync()
    {
        await _redis.DoAsync("FLUSHALL");
        _next = ThisHour + 1;
    }

    [Test]
    public async Task The_password_may_come_from_a_file()
    {
        await using var server = await RedisServer.StartAsync();
        await using var before = server.Connect();
        await before.CallAsync(redis => redis.ExecuteAsync("CONFIG", "SET", "requirepass", "secret-1"), CancellationToken.None);
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "secret-1\n");
        try
        {
            await using var connection = server.Connect(new RedisOptions { PasswordFile = file });
            await Eventually.HoldsAsync("Redis lets us in", async () =>
            {
                try
                {
                    return await connection.PingAsync(CancellationToken.None) >= TimeSpan.Zero;
                }
                catch (Exception e) when (e is StackExchange.Redis.RedisException or RedisUnavailableException)
                {
                    return false;
                }
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task Totals_are_the_sum_of_the_partitions()
    {
        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(_next, 0, 10, 1, 2, 3), Progress(0, 10)));
        await _redis.ApplyAsync(Batch(1, 0, 2, Partial(_next, 1, 7, 10, 20, 30), Progress(1, 7)));

        var reading = await _redis.ReadAsync(_next);

        Assert.Multiple(() =>
        {
            Assert.That(reading.State, Is.EqualTo(HourState.Complete));
            Assert.That(reading.Counts, Is.EqualTo(new HourCounts(33, 11, 22)));
            Assert.That(reading.Progress[0], Is.EqualTo(new PartitionProgress(1, 0, 10, 1000, 2)));
            Assert.That(reading.Progress[1], Is.EqualTo(new PartitionProgress(1, 1, 7, 1000, 2)));
            Assert.That(reading.Progress.Complete, Is.True);
        });
    }

    [Test]
    public async Task A_batch_applied_again_or_late_changes_nothing()
    {
        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(_next, 0, 10, 1, 1, 1), Progress(0, 10)));
        await _redis.ApplyAsync(Batch(0, 2, 4, Partial(_next, 0, 20, 2, 2, 2), Progress(0, 20)));
        var before = await _redis.ReadAsync(_next);

        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(_next, 0, 10, 1, 1, 1), Progress(0, 10)));
        var after = await _redis.ReadAsync(_next);

        Assert.Multiple(() =>
        {
            Assert.That(after.Counts, Is.EqualTo(before.Counts));
            Assert.That(after.Progress[0], Is.EqualTo(new PartitionProgress(1, 0, 20, 1000, 4)));
        });
    }

    [Test]
    public async Task Counts_beyond_what_a_double_prints_stay_exact()
    {
        const long many = 4_000_000_000_000_001;
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, many, many, 0, many)));
        await _redis.ApplyAsync(Batch(1, 0, 1, Partial(_next, 1, many, many, 0, many)));

        Assert.That((await _redis.ReadAsync(_next)).Counts, Is.EqualTo(new HourCounts(2 * many, 2 * many, 0)));
    }

    /// <summary>docs/decisions/0005 tells people what to expect.</summary>
    [TestCase(8, 1_024)]
    [TestCase(24, 2_048)]
    public async Task An_hour_takes_no_more_memory_than_is_stated(int partitions, int most)
    {
        for (var p = 0; p < partitions; p++)
            await _redis.ApplyAsync(Batch(p, 0, 1, Partial(_next, p, 9_000_000_000 + p, 4_000_000_000 + p, 4_000_000_000 + p, 1_000_000_000 + p), Progress(p, 9_000_000_000 + p)));
        await using (var refill = _redis.Server.Connect(new RedisOptions { FutureTolerance = TimeSpan.Zero }))
            await new RedisHourRefill(refill, _redis.Reader, _redis.Archive, Microsoft.Extensions.Options.Options.Create(_redis.Settings), TimeProvider.System)
                .BeginAsync(1, _next, CancellationToken.None);

        var bytes = (long)await _redis.DoAsync("MEMORY", "USAGE", Key(_next), "SAMPLES", "0");

        await TestContext.Out.WriteLineAsync($"{partitions} partitions: {bytes} bytes an hour");
        Assert.That(bytes, Is.LessThanOrEqualTo(most));
    }

    [Test]
    public async Task Every_write_sets_the_time_to_live()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, 1, 1, 0, 1)));
        await _redis.DoAsync("PEXPIRE", Key(_next), 10_000);
        await _redis.ApplyAsync(Batch(0, 1, 2, Partial(_next, 0, 2, 2, 0, 1)));

        var left = TimeSpan.FromMilliseconds((long)await _redis.DoAsync("PTTL", Key(_next)));

        Assert.That(left, Is.InRange(_redis.Settings.Ttl - TimeSpan.FromMinutes(1), _redis.Settings.Ttl));
    }

    [Test]
    public async Task An_emptied_Redis_takes_no_batch_but_tells_where_to_read_again()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Partial(_next, 0, 10, 1, 1, 1), Progress(0, 10)));
        await _redis.DoAsync("FLUSHALL");

        var result = await _redis.Store.WriteAsync(Batch(0, 5, 7, Partial(_next, 0, 20, 2, 2, 2), Progress(0, 20)), CancellationToken.None);

        Assert.Multiple(async () =>
        {
            Assert.That(result.Applied, Is.False);
            Assert.That(result.Positions[0], Is.Zero);
            Assert.That((long)await _redis.DoAsync("DBSIZE"), Is.Zero, "nothing was written");
        });
    }

    [Test]
    public async Task One_lost_partition_holds_back_the_whole_batch()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Partial(_next, 0, 10, 1, 1, 1)));
        var both = new SinkBatch<HourPartial>(Topic, [new ReadRange(0, 5, 6), new ReadRange(1, 3, 4)],
            [Partial(_next, 0, 11, 2, 2, 2), Partial(_next, 1, 9, 9, 9, 9)], []);

        var result = await _redis.Store.WriteAsync(both, CancellationToken.None);

        Assert.Multiple(async () =>
        {
            Assert.That(result.Positions, Is.EquivalentTo(new Dictionary<int, long> { [0] = 5, [1] = 0 }));
            Assert.That((await _redis.ReadAsync(_next)).Counts.Clicks, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task A_topic_that_was_recreated_is_refused_not_skipped()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Progress(0, 100)));

        Assert.That(async () => await _redis.Store.WriteAsync(Batch(0, 5, 6, Progress(0, 3)), CancellationToken.None),
            Throws.InstanceOf<ConfigurationException>().With.Message.Contains("recreated"));
    }

    [Test]
    public async Task An_older_record_read_again_is_no_sign_of_another_topic()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Progress(0, 100)));
        await _redis.ApplyAsync(Batch(0, 2, 3, Progress(0, 50)));

        Assert.That((await _redis.ReadAsync(_next)).Progress[0]!.Value.NextOffset, Is.EqualTo(100));
    }

    [Test]
    public async Task A_heartbeat_moves_only_the_age()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Progress(0, 100, asOfMs: 1000)));
        await _redis.ApplyAsync(Batch(0, 5, 6, Progress(0, 100, asOfMs: 2000)));

        Assert.That((await _redis.ReadAsync(_next)).Progress[0], Is.EqualTo(new PartitionProgress(1, 0, 100, 2000, 6)));
    }

    [Test]
    public async Task Partials_without_progress_do_not_count_as_begun()
    {
        await _redis.ApplyAsync(Batch(0, 0, 5, Partial(_next, 0, 10, 1, 1, 1)));

        var progress = (await _redis.ReadAsync(_next)).Progress;

        Assert.Multiple(() =>
        {
            Assert.That(progress.Complete, Is.False);
            Assert.That(progress.AsOfMs, Is.Zero);
            Assert.That(progress.HasReached(0, 0), Is.False);
            Assert.That(progress[0]!.Value.Position, Is.EqualTo(5));
        });
    }

    [Test]
    public async Task Counts_ahead_of_the_progress_tell_how_far_they_go()
    {
        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(_next, 0, 10, 1, 1, 1), Progress(0, 10)));
        await _redis.ApplyAsync(Batch(1, 0, 1, Progress(1, 7)));
        await _redis.ApplyAsync(Batch(0, 2, 3, Partial(_next, 0, 4_000_000_000_000_001, 2, 2, 2)));

        var reading = await _redis.ReadAsync(_next);

        Assert.That(reading.Progress[0]!.Value.NextOffset, Is.EqualTo(10));
        Assert.That(reading.CountedTo, Is.EqualTo(new[] { 4_000_000_000_000_001 }));

        await _redis.ApplyAsync(Batch(1, 1, 2, Partial(_next, 1, 9, 1, 1, 1)));
        Assert.That((await _redis.ReadAsync(_next)).CountedTo, Is.EqualTo(new[] { 4_000_000_000_000_001, 9 }));
        await _redis.ApplyAsync(Batch(0, 3, 4, Partial(_next, 0, 4_000_000_000_000_002, 3, 3, 3), Progress(0, 4_000_000_000_000_002)));
        Assert.That((await _redis.ReadAsync(_next)).CountedTo, Is.EqualTo(new[] { 0, 9 }), "the progress has come as far");
        await _redis.ApplyAsync(Batch(1, 2, 3, Partial(_next, 1, 10, 2, 2, 2), Progress(1, 10)));
        Assert.That((await _redis.ReadAsync(_next)).CountedTo, Is.Null);
    }

    [Test]
    public async Task Another_generation_lives_under_its_own_prefix_until_the_pointer_moves()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, 1, 1, 0, 1), Progress(0, 1)));
        await _redis.ApplyAsync(Batch(0, 1, 3, Partial(_next, 0, 5, 5, 0, 5, generation: 2), Progress(0, 5, generation: 2)));
        var before = (await _redis.ReadAsync(_next)).Counts;
        await _redis.DoAsync("SET", "analytics:generation", 2);
        var after = (await _redis.ReadAsync(_next)).Counts;

        Assert.Multiple(() =>
        {
            Assert.That(before.Clicks, Is.EqualTo(1));
            Assert.That(after.Clicks, Is.EqualTo(5));
        });
    }

    [Test]
    public async Task The_progress_records_can_be_read_back_for_the_accounting()
    {
        await _redis.ApplyAsync(Batch(1, 0, 1, Progress(1, 7)));
        await _redis.ApplyAsync(Batch(0, 0, 1, Progress(0, 9)));

        var records = await _redis.Reader.ReadRecordsAsync(CancellationToken.None);

        Assert.That(records, Is.EqualTo([Progress(0, 9), Progress(1, 7)]));
    }

    [Test]
    public async Task An_emptied_script_cache_is_no_fault()
    {
        await _redis.ReadAsync(_next);
        await _redis.DoAsync("SCRIPT", "FLUSH");

        Assert.That((await _redis.ReadAsync(_next)).State, Is.EqualTo(HourState.Absent));
    }
}
