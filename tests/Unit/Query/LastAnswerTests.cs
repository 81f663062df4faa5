using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>Sources that hang do not hold up an hour that was answered before.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LastAnswerTests : IDisposable
{
    private static readonly HourCounts Few = new(2, 3, 4);
    private static readonly HourCounts More = new(3, 5, 7);

    private readonly ReaderFixture _f = new();
    private readonly TaskCompletionSource _hangs = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _f.Dispose();

    [TestCase(0, false)]
    [TestCase(6, true)]
    public async Task The_last_answer_is_given_once_more_when_both_sources_hang_and_marked_when_it_is_old(int oldSeconds, bool stale)
    {
        await AnswerAndHangAsync();
        _f.Clock.Advance(TimeSpan.FromSeconds(oldSeconds));

        var waiting = _f.GetAsync();
        _f.Clock.Advance(_f.Options.LastAnswerAfter - TimeSpan.FromMilliseconds(1));
        Assert.That(waiting.IsCompleted, Is.False);
        _f.Clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(await waiting, Has.Property("Stale").EqualTo(stale));
        Assert.That((await waiting)!.Answer.Counts, Is.EqualTo(Few));
    }

    [Test]
    public async Task Until_such_a_read_ends_nobody_waits_and_the_answer_is_marked_once_it_has_grown_old()
    {
        await AnswerAndHangAsync();
        var waiting = _f.GetAsync();
        _f.Clock.Advance(_f.Options.LastAnswerAfter);
        await waiting;
        var reads = _f.Redis.Reads + _f.Archive.Reads;

        for (var i = 0; i < 10; i++)
        {
            _f.Clock.Advance(3 * _f.Options.CacheFor);
            var get = _f.GetAsync();
            Assert.That(get.IsCompletedSuccessfully, Is.True);
            Assert.That((await get)!.Stale, Is.False);
        }
        Assert.That(_f.Redis.Reads + _f.Archive.Reads, Is.EqualTo(reads), "the read under way is the only one");
    }

    [Test]
    public async Task What_the_late_read_brings_is_given_from_then_on()
    {
        await AnswerAndHangAsync();
        var waiting = _f.GetAsync();
        _f.Clock.Advance(_f.Options.LastAnswerAfter);
        await waiting;

        _f.Archive.Has(HourState.Complete, More, _f.Progress(12, TimeSpan.Zero));
        _hangs.SetResult();

        Assert.That(async () => (await _f.GetAsync())!.Answer.Counts, Is.EqualTo(More).After(5000, 5));
        Assert.That((await _f.GetAsync())!.Layer, Is.EqualTo(AnswerLayer.Archive));
    }

    [Test]
    public async Task Who_waits_for_a_position_is_not_given_the_last_answer()
    {
        await AnswerAndHangAsync();
        Assert.That(PositionSet.TryParse("0.11", out var position), Is.True);

        var waiting = _f.Reader.ReadReachedAsync(ReaderFixture.Hour, position!, CancellationToken.None);
        _f.Clock.Advance(2 * _f.Options.LastAnswerAfter);
        Assert.That(waiting.IsCompleted, Is.False);

        _f.Archive.Has(HourState.Complete, More, _f.Progress(12, TimeSpan.Zero));
        _hangs.SetResult();
        Assert.That((await waiting.WaitAsync(Eventually.Patience))!.Answer.Counts, Is.EqualTo(More));
    }

    [Test]
    public async Task An_hour_never_answered_before_waits_for_its_sources()
    {
        _f.Redis.IsAway();
        _f.Archive.Gate = _hangs.Task;
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));

        var waiting = _f.GetAsync();
        _f.Clock.Advance(2 * _f.Options.LastAnswerAfter);
        Assert.That(waiting.IsCompleted, Is.False);

        _hangs.SetResult();
        Assert.That((await waiting)!.Answer.Counts, Is.EqualTo(Few));
    }

    private async Task AnswerAndHangAsync()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        await _f.GetAsync();
        _f.Redis.IsAway();
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        _f.Archive.Gate = _hangs.Task;
        _f.Expire();
    }
}
