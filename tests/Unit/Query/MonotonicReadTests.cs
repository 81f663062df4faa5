using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>One client's successive GETs never go back unmarked, whichever source answers.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MonotonicReadTests : IDisposable
{
    private static readonly HourCounts Few = new(2, 3, 4);
    private static readonly HourCounts More = new(3, 5, 7);
    private static readonly TimeSpan Now = TimeSpan.Zero;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly ReaderFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Test]
    public async Task When_Redis_fails_an_archive_behind_it_does_not_answer_while_the_last_answer_is_fresh()
    {
        _f.Redis.Has(HourState.Complete, More, _f.Progress(20, Now));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Expire();
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, Second));

        var answer = await _f.GetAsync();

        Assert.That(answer!.Answer.Counts, Is.EqualTo(More));
        Assert.That(answer.Stale, Is.False);
    }

    [Test]
    public async Task An_archive_that_never_reached_what_was_answered_is_marked()
    {
        _f.Redis.Has(HourState.Complete, More, _f.Progress(20, Now));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Clock.Advance(TimeSpan.FromSeconds(10));
        // As new as can be by its clock, and yet it lacks what was shown: a dump that was played back.
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, Now));

        var answer = await _f.GetAsync();

        Assert.That(answer, Has.Property("Stale").True);
        Assert.That(_f.Reader.AgeMs(answer!.Answer), Is.EqualTo(1), "a mark is never zero");
    }

    [Test]
    public async Task An_archive_that_has_caught_up_answers_unmarked()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, Now));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Expire();
        _f.Archive.Has(HourState.Complete, More, _f.Progress(20, Second));

        var answer = await _f.GetAsync();

        Assert.That(answer!.Answer.Counts, Is.EqualTo(More));
        Assert.That(answer.Stale, Is.False);
    }

    [Test]
    public async Task A_source_that_is_further_in_one_partition_and_behind_in_another_is_older()
    {
        _f.Redis.Has(HourState.Complete, More, _f.Progress((20, Now), (20, Now)));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Clock.Advance(TimeSpan.FromSeconds(10));
        _f.Archive.Has(HourState.Complete, More, _f.Progress((30, Now), (19, Now)));

        Assert.That(await _f.GetAsync(), Has.Property("Stale").True);
    }

    [Test]
    public async Task Counts_ahead_of_their_progress_are_not_taken_back_either()
    {
        // Progress is read before the hour, so the hour may hold more than the progress says.
        _f.Redis.Has(HourState.Complete, More, _f.Progress(20, Now));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Clock.Advance(TimeSpan.FromSeconds(10));
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(20, Now));

        Assert.That(await _f.GetAsync(), Has.Property("Stale").True);
    }

    [Test]
    public async Task A_rebuilt_generation_may_have_smaller_numbers()
    {
        _f.Redis.Has(HourState.Complete, More, _f.Progress(20, Now));
        await _f.GetAsync();
        _f.Expire();
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(5, Now, generation: 2));

        var answer = await _f.GetAsync();

        Assert.That(answer!.Answer.Counts, Is.EqualTo(Few));
        Assert.That(answer.Stale, Is.False);
    }

    [Test]
    public async Task Another_hour_is_not_held_against_this_one()
    {
        _f.Redis.Answer = hour => hour == 1
            ? new HourReading(HourState.Complete, More, _f.Progress(20, Now))
            : new HourReading(HourState.Absent, default, _f.Progress(20, Now));
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, Second));

        await _f.GetAsync(1);

        Assert.That(await _f.GetAsync(2), Has.Property("Stale").False);
    }

    [Test]
    public async Task A_forgotten_hour_that_comes_back_is_held_against_all_that_was_forgotten()
    {
        using var f = new ReaderFixture(o => o.RememberedHours = 16);
        f.Redis.Has(HourState.Complete, More, f.Progress(20, Now));
        for (var hour = 0; hour < 200; hour++)
        {
            f.Clock.Advance(TimeSpan.FromMilliseconds(1));
            f.Redis.Has(HourState.Complete, More, f.Progress(20, Now));
            await f.GetAsync(hour);
        }
        Assert.That(f.Reader.Remembered, Is.LessThanOrEqualTo(16));
        f.Redis.IsAway();

        f.Archive.Has(HourState.Complete, Few, f.Progress(10, Second));
        Assert.That(await f.GetAsync(0), Has.Property("Stale").True);

        f.Archive.Has(HourState.Complete, More, f.Progress(20, Second));
        Assert.That(await f.GetAsync(1), Has.Property("Stale").False);
    }

    [Test]
    public async Task Whatever_two_sources_do_unmarked_answers_never_go_back()
    {
        // This clock moves by seconds while a thread of the pool wakes: so that each turn waits for its read.
        using var f = new ReaderFixture(o => o.LastAnswerAfter = TimeSpan.FromMinutes(1));
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var random = new Random(seed);
        var truth = new List<(long Offset, HourCounts Counts)> { (0, default) };
        var last = (Offset: 0L, Counts: default(HourCounts));
        var unmarked = 0;
        for (var turn = 0; turn < 3000; turn++)
        {
            f.Clock.Advance(TimeSpan.FromMilliseconds(random.Next(400)));
            if (random.Next(3) == 0)
            {
                var (offset, counts) = truth[^1];
                truth.Add((offset + 1, counts + new HourCounts(random.Next(2), random.Next(2), random.Next(2))));
            }
            // Each source is somewhere in the last of the history, sometimes with the hour ahead of its progress, sometimes away.
            Set(f.Redis, HourState.Incomplete);
            Set(f.Archive, HourState.Absent);

            if (await f.GetAsync() is not { Stale: false } answer) continue;
            unmarked++;
            var counted = answer.Answer.Counts;
            Assert.That(counted.UniqueUsers >= last.Counts.UniqueUsers && counted.Clicks >= last.Counts.Clicks && counted.Impressions >= last.Counts.Impressions,
                $"seed {seed}, turn {turn}: {counted} after {last.Counts}");
            Assert.That(answer.Answer.Progress[0]!.Value.NextOffset, Is.GreaterThanOrEqualTo(last.Offset), $"seed {seed}, turn {turn}");
            last = (answer.Answer.Progress[0]!.Value.NextOffset, counted);
        }
        Assert.That(unmarked, Is.GreaterThan(500));

        void Set(FakeSource source, HourState other)
        {
            if (random.Next(4) == 0)
            {
                source.IsAway();
                return;
            }
            var hour = Math.Max(0, truth.Count - 1 - random.Next(3));
            var progress = Math.Max(0, hour - random.Next(2));
            var state = other == HourState.Incomplete && random.Next(4) == 0 ? other : HourState.Complete;
            source.Has(state, truth[hour].Counts, f.Progress(truth[progress].Offset, TimeSpan.FromMilliseconds(random.Next(6000))));
        }
    }
}
