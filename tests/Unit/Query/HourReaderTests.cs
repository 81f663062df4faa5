using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>Which source answers, when an answer is marked, and what is never given.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HourReaderTests : IDisposable
{
    private static readonly HourCounts Few = new(2, 3, 4);
    private static readonly HourCounts More = new(3, 5, 7);
    private static readonly TimeSpan Now = TimeSpan.Zero;
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(7);

    private readonly ReaderFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Test]
    public async Task A_complete_hour_in_Redis_is_answered_without_asking_the_archive()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, Now));

        var answer = await _f.GetAsync();

        Assert.Multiple(() =>
        {
            Assert.That(answer, Has.Property("Stale").False.And.Property("Layer").EqualTo(AnswerLayer.Redis));
            Assert.That(answer!.Answer.Counts, Is.EqualTo(Few));
            Assert.That(_f.Archive.Reads, Is.Zero);
        });
    }

    [TestCase(HourState.Absent)]
    [TestCase(HourState.Incomplete)]
    public async Task What_Redis_does_not_hold_whole_comes_from_the_archive_and_goes_back_into_Redis(HourState state)
    {
        _f.Redis.Has(state, Few, _f.Progress(20, Now));
        _f.Archive.Has(HourState.Complete, More, _f.Progress(10, Now));

        var answer = await _f.GetAsync();

        Assert.Multiple(() =>
        {
            Assert.That(answer!.Answer.Counts, Is.EqualTo(More));
            Assert.That(answer.Stale, Is.False);
            Assert.That(answer.Layer, Is.EqualTo(AnswerLayer.Archive));
            Assert.That(() => _f.Refill.Calls, Is.EqualTo(1).After(5000, 5));
        });
    }

    [Test]
    public async Task An_incomplete_hour_is_never_served_even_when_nothing_else_answers()
    {
        _f.Redis.Has(HourState.Incomplete, Few, _f.Progress(20, Now));
        _f.Archive.IsAway();

        Assert.That(await _f.GetAsync(), Is.Null);
    }

    [Test]
    public async Task Neither_source_away_nor_memory_gives_an_answer()
    {
        _f.Redis.IsAway();
        _f.Archive.IsAway();

        Assert.That(await _f.GetAsync(), Is.Null);
    }

    [TestCase(0, false)]
    [TestCase(5000, false)]
    [TestCase(5001, true)]
    [TestCase(3_600_000, true)]
    public async Task Zeros_are_unmarked_only_from_an_archive_that_is_up_to_date(int ageMs, bool stale)
    {
        _f.Redis.Has(HourState.Absent, default, _f.Progress(20, Now));
        _f.Archive.Has(HourState.Absent, default, _f.Progress(10, TimeSpan.FromMilliseconds(ageMs)));

        var answer = await _f.GetAsync();

        Assert.Multiple(() =>
        {
            Assert.That(answer!.Answer.Counts, Is.EqualTo(default(HourCounts)));
            Assert.That(answer.Stale, Is.EqualTo(stale));
            if (stale) Assert.That(_f.Reader.AgeMs(answer.Answer), Is.EqualTo(ageMs));
        });
    }

    [Test]
    public async Task Zeros_are_not_given_while_nothing_is_known_of_a_partition()
    {
        _f.Redis.Has(HourState.Absent, default, new SourceProgress(0, []));
        _f.Archive.Has(HourState.Absent, default, _f.Progress((10, Now), null));
        Assert.That(await _f.GetAsync(), Is.Null);

        _f.Archive.Has(HourState.Absent, default, new SourceProgress(0, []));
        _f.Expire();
        Assert.That(await _f.GetAsync(), Is.Null);
    }

    [Test]
    public async Task Numbers_are_given_marked_while_nothing_is_known_of_a_partition()
    {
        _f.Redis.IsAway();
        _f.Archive.Has(HourState.Complete, Few, _f.Progress((10, Now), null));

        var answer = await _f.GetAsync();

        Assert.That(answer, Has.Property("Stale").True);
        Assert.That(answer!.Answer.Counts, Is.EqualTo(Few));
    }

    [Test]
    public async Task The_least_partition_says_how_old_an_answer_is()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress((10, Now), (10, Old)));
        _f.Archive.IsAway();

        var answer = await _f.GetAsync();

        Assert.That(answer, Has.Property("Stale").True);
        Assert.That(_f.Reader.AgeMs(answer!.Answer), Is.EqualTo(7000));
    }

    [Test]
    public async Task A_fresh_archive_answers_where_Redis_lags()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, Old));
        _f.Archive.Has(HourState.Complete, More, _f.Progress(20, Now));

        var answer = await _f.GetAsync();

        Assert.That(answer, Has.Property("Stale").False.And.Property("Layer").EqualTo(AnswerLayer.Archive));
    }

    [Test]
    public async Task Where_both_lag_the_newer_is_given_and_marked_with_its_age()
    {
        _f.Redis.Has(HourState.Complete, More, _f.Progress(20, TimeSpan.FromSeconds(8)));
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.FromSeconds(9)));

        var answer = await _f.GetAsync();

        Assert.Multiple(() =>
        {
            Assert.That(answer!.Answer.Counts, Is.EqualTo(More));
            Assert.That(answer.Stale, Is.True);
            Assert.That(_f.Reader.AgeMs(answer.Answer), Is.EqualTo(8000));
        });
    }

    [Test]
    public async Task The_last_known_answer_is_given_unmarked_while_fresh_and_marked_with_its_age_afterwards()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, Now));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Archive.IsAway();

        _f.Clock.Advance(TimeSpan.FromSeconds(4));
        Assert.That(await _f.GetAsync(), Has.Property("Stale").False);

        _f.Clock.Advance(TimeSpan.FromSeconds(60));
        var answer = await _f.GetAsync();
        Assert.Multiple(() =>
        {
            Assert.That(answer!.Answer.Counts, Is.EqualTo(Few));
            Assert.That(answer.Stale, Is.True);
            Assert.That(answer.Layer, Is.EqualTo(AnswerLayer.Stale));
            Assert.That(_f.Reader.AgeMs(answer.Answer), Is.EqualTo(64_000));
        });
    }

    [Test]
    public async Task An_answer_that_grows_too_old_in_memory_is_not_given_unmarked()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.FromMilliseconds(4990)));
        _f.Archive.IsAway();
        Assert.That(await _f.GetAsync(), Has.Property("Stale").False);

        _f.Clock.Advance(TimeSpan.FromMilliseconds(11));

        Assert.That(_f.Reader.TryFind(ReaderFixture.Hour, out _), Is.False);
        Assert.That(await _f.GetAsync(), Has.Property("Stale").True);
    }

    [Test]
    public async Task An_hour_without_events_goes_into_Redis_only_when_it_is_asked_for_again()
    {
        _f.Redis.Has(HourState.Absent, default, _f.Progress(10, Now));
        _f.Archive.Has(HourState.Absent, default, _f.Progress(10, Now));
        for (var hour = 0; hour < 100; hour++) await _f.GetAsync(hour);
        Assert.That(_f.Refills.Count + _f.Refill.Calls, Is.Zero);

        _f.Expire();
        await _f.GetAsync(7);
        Assert.That(() => _f.Refill.Calls, Is.EqualTo(1).After(5000, 5));
    }
}
