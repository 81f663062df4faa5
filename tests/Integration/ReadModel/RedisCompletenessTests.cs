using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>When an hour may be served: never a part for the whole.</summary>
public sealed class RedisCompletenessTests
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
        _redis.Archive.Progress.Clear();
        _redis.Archive.Partials.Clear();
        _next = ThisHour + 1;
    }

    [Test]
    public async Task An_hour_that_began_before_Redis_was_born_is_incomplete()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(ThisHour, 0, 1, 1, 0, 1)));

        Assert.That((await StateAsync(ThisHour)), Is.EqualTo(HourState.Incomplete));
    }

    [Test]
    public async Task An_hour_is_new_only_when_its_first_possible_event_is_later_than_the_birth()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Progress(0, 1)));
        var birth = await BirthAsync(_redis.Settings);
        var untilHour = Hours.StartMs(_next + 1) - birth;

        // Other settings make another birth; a wide tolerance makes the hour's first possible event fall before it.
        var (late, early) = (Settings(TimeSpan.FromMilliseconds(untilHour - 60_000)), Settings(TimeSpan.FromMilliseconds(untilHour + 60_000)));
        await _redis.StoreWith(late).WriteAsync(Batch(0, 1, 2, Partial(_next + 1, 0, 1, 1, 0, 1)), CancellationToken.None);
        var afterBirth = await StateAsync(_next + 1);
        await _redis.DoAsync("DEL", Key(_next + 1));
        await _redis.DoAsync("DEL", "analytics:birth");
        await _redis.StoreWith(early).WriteAsync(Batch(0, 2, 3, Partial(_next + 1, 0, 2, 1, 0, 1)), CancellationToken.None);
        var beforeBirth = await StateAsync(_next + 1);

        Assert.That((afterBirth, beforeBirth), Is.EqualTo((HourState.Complete, HourState.Incomplete)));
    }

    [Test]
    public async Task An_hour_is_new_only_while_it_cannot_have_expired()
    {
        var settings = Settings(TimeSpan.Zero, ttl: TimeSpan.FromHours(4));
        await _redis.StoreWith(settings).WriteAsync(Batch(0, 0, 1, Progress(0, 1)), CancellationToken.None);
        // Redis has been there for ever.
        await _redis.DoAsync("ZADD", "analytics:birth", 100_000_000_000, Born(settings));

        await _redis.StoreWith(settings).WriteAsync(
            Batch(0, 1, 4, Partial(ThisHour - 2, 0, 1, 1, 0, 1), Partial(ThisHour - 5, 0, 1, 1, 0, 1)), CancellationToken.None);

        Assert.That((await StateAsync(ThisHour - 2), await StateAsync(ThisHour - 5)), Is.EqualTo((HourState.Complete, HourState.Incomplete)));
    }

    [Test]
    public async Task A_key_deleted_by_hand_and_one_late_event_make_no_whole()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, 10, 5, 0, 5)));
        var before = await StateAsync(_next);
        await _redis.DoAsync("DEL", Key(_next));

        await _redis.ApplyAsync(Batch(1, 0, 1, Partial(_next, 1, 1, 1, 0, 1)));

        Assert.That((before, await StateAsync(_next)), Is.EqualTo((HourState.Complete, HourState.Incomplete)));
    }

    [Test]
    public async Task A_deleted_birth_set_makes_every_hour_doubtful_again()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, 10, 5, 0, 5)));
        await _redis.DoAsync("DEL", Key(_next));
        await _redis.DoAsync("DEL", "analytics:birth");

        var settings = Settings(TimeSpan.FromHours(3));
        await _redis.StoreWith(settings).WriteAsync(Batch(1, 0, 1, Partial(_next, 1, 1, 1, 0, 1)), CancellationToken.None);

        Assert.That(await StateAsync(_next), Is.EqualTo(HourState.Incomplete));
    }

    [Test]
    public async Task Other_settings_count_as_another_birth()
    {
        await _redis.ApplyAsync(Batch(0, 0, 1, Progress(0, 1)));
        await _redis.DoAsync("ZADD", "analytics:birth", 100_000_000_000, Born(_redis.Settings));
        var longer = Settings(TimeSpan.Zero, ttl: _redis.Settings.Ttl + TimeSpan.FromHours(1));

        await _redis.StoreWith(longer).WriteAsync(Batch(0, 1, 2, Partial(ThisHour - 1, 0, 1, 1, 0, 1)), CancellationToken.None);
        var first = await StateAsync(ThisHour - 1);
        await _redis.ApplyAsync(Batch(0, 2, 3, Partial(ThisHour - 2, 0, 1, 1, 0, 1)));

        Assert.That((first, await StateAsync(ThisHour - 2)), Is.EqualTo((HourState.Incomplete, HourState.Incomplete)));
    }

    [Test]
    public async Task A_refill_makes_whole_what_the_archive_has()
    {
        await _redis.ApplyAsync(Batch(0, 0, 4, Partial(ThisHour, 0, 20, 2, 2, 2), Progress(0, 20)));
        Archived(4, 0, Partial(ThisHour, 0, 20, 2, 2, 2), Partial(ThisHour, 1, 7, 10, 10, 10));

        Assert.Multiple(async () =>
        {
            Assert.That(await _redis.Refill.RefillAsync(ThisHour, CancellationToken.None), Is.True);
            var reading = await _redis.ReadAsync(ThisHour);
            Assert.That(reading.State, Is.EqualTo(HourState.Complete));
            Assert.That(reading.Counts, Is.EqualTo(new HourCounts(12, 12, 12)));
            Assert.That(reading.CountedTo, Is.EqualTo(new[] { 0, 7 }), "the archive was ahead of Redis in partition 1");
        });
    }

    [Test]
    public async Task A_refill_waits_for_an_archive_that_is_behind_and_vouches_for_nothing()
    {
        await _redis.ApplyAsync(Batch(0, 0, 4, Partial(ThisHour, 0, 20, 2, 2, 2), Progress(0, 20)));
        Archived(3, 0, Partial(ThisHour, 0, 10, 1, 1, 1));

        Assert.Multiple(async () =>
        {
            Assert.That(await _redis.Refill.RefillAsync(ThisHour, CancellationToken.None), Is.False);
            Assert.That(await StateAsync(ThisHour), Is.EqualTo(HourState.Incomplete));
        });
    }

    [Test]
    public async Task A_refill_needs_the_partials_that_came_without_progress_too()
    {
        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(ThisHour, 0, 20, 2, 2, 2)));
        await _redis.DoAsync("DEL", Key(ThisHour));

        Assert.That(await _redis.Refill.RefillAsync(ThisHour, CancellationToken.None), Is.False);
    }

    [Test]
    public async Task Newer_counts_in_Redis_survive_a_refill()
    {
        var (mark, _) = await _redis.Refill.BeginAsync(1, ThisHour, CancellationToken.None);
        await _redis.ApplyAsync(Batch(0, 0, 4, Partial(ThisHour, 0, 20, 2, 2, 2), Progress(0, 20)));

        var merged = await _redis.Refill.MergeAsync(1, ThisHour, mark, [Partial(ThisHour, 0, 10, 1, 1, 1)], CancellationToken.None);

        Assert.That((merged, (await _redis.ReadAsync(ThisHour)).Counts), Is.EqualTo((true, new HourCounts(2, 2, 2))));
    }

    [Test]
    public async Task A_key_that_goes_while_a_refill_is_under_way_takes_the_refill_with_it()
    {
        var (mark, _) = await _redis.Refill.BeginAsync(1, ThisHour, CancellationToken.None);
        await _redis.ApplyAsync(Batch(0, 0, 2, Partial(ThisHour, 0, 20, 2, 2, 2)));
        await _redis.DoAsync("DEL", Key(ThisHour));
        await _redis.ApplyAsync(Batch(1, 0, 2, Partial(ThisHour, 1, 5, 1, 1, 1)));

        var merged = await _redis.Refill.MergeAsync(1, ThisHour, mark, [], CancellationToken.None);

        Assert.That((merged, await StateAsync(ThisHour)), Is.EqualTo((false, HourState.Incomplete)));
    }

    [Test]
    public async Task An_hour_the_archive_knows_nothing_of_is_zero_for_a_short_time_and_later_counts_find_it()
    {
        Assert.That(await _redis.Refill.RefillAsync(ThisHour - 99, CancellationToken.None), Is.True);
        var zero = await _redis.ReadAsync(ThisHour - 99);
        var left = TimeSpan.FromMilliseconds((long)await _redis.DoAsync("PTTL", Key(ThisHour - 99)));
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(ThisHour - 99, 0, 1, 1, 0, 1)));
        var counted = await _redis.ReadAsync(ThisHour - 99);

        Assert.Multiple(() =>
        {
            Assert.That(zero.State, Is.EqualTo(HourState.Complete));
            Assert.That(zero.Counts, Is.EqualTo(default(HourCounts)));
            Assert.That(left, Is.InRange(TimeSpan.Zero, _redis.Settings.EmptyTtl));
            Assert.That(counted.State, Is.EqualTo(HourState.Complete));
            Assert.That(counted.Counts.Clicks, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task An_hour_only_known_from_a_refill_is_not_new_to_a_later_write()
    {
        // The refill's hash took a count, then went: what it held is not in Redis any more.
        Assert.That(await _redis.Refill.RefillAsync(_next, CancellationToken.None), Is.True);
        await _redis.ApplyAsync(Batch(0, 0, 1, Partial(_next, 0, 1, 1, 0, 1)));
        await _redis.DoAsync("DEL", Key(_next));
        await _redis.ApplyAsync(Batch(1, 0, 1, Partial(_next, 1, 1, 1, 0, 1)));

        Assert.That(await StateAsync(_next), Is.EqualTo(HourState.Incomplete));
    }

    private static RedisOptions Settings(TimeSpan tolerance, TimeSpan? ttl = null) =>
        new() { FutureTolerance = tolerance, Ttl = ttl ?? TimeSpan.FromHours(48) };

    private static string Born(RedisOptions settings) =>
        FormattableString.Invariant($"born|{(long)settings.Ttl.TotalMilliseconds}|{(long)settings.FutureTolerance.TotalMilliseconds}");

    private async Task<long> BirthAsync(RedisOptions settings) => (long)await _redis.DoAsync("ZSCORE", "analytics:birth", Born(settings));

    private async Task<HourState> StateAsync(long hour) => (await _redis.ReadAsync(hour)).State;

    private void Archived(long position0, long position1, params HourPartial[] partials)
    {
        _redis.Archive.Progress.Add(new PartitionProgress(1, 0, position0 * 5, 1000, position0));
        _redis.Archive.Progress.Add(new PartitionProgress(1, 1, position1 * 5, 1000, position1));
        _redis.Archive.Partials.AddRange(partials);
    }
}
