using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.QueryService.Live;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Live;

/// <summary>What the stream holds for its listeners, by a clock that stands still.</summary>
public sealed class LiveFeedTests
{
    private static readonly HourCounts Counts = new(1, 2, 3);

    [Test]
    public async Task Of_a_new_hour_that_no_source_tells_nothing_is_told_rather_than_the_hour_before()
    {
        using var fixture = new ReaderFixture();
        var hour = Hours.Of(fixture.Clock.NowMs);
        fixture.Redis.Has(HourState.Complete, Counts, fixture.Progress(10, TimeSpan.Zero));
        var options = new LiveOptions();
        var feed = new LiveFeed(fixture.Reader, Options.Create(options), fixture.Clock, NullLogger<LiveFeed>.Instance);
        Assert.That(feed.TryJoin());
        await Eventually.HoldsAsync("the hour is there", () => Task.FromResult(feed.Look().Current?.Hour == hour));

        fixture.Redis.IsAway();
        fixture.Clock.Advance(TimeSpan.FromHours(1));

        await Eventually.HoldsAsync("who comes now is not given the hour before", () =>
        {
            fixture.Clock.Advance(options.Every);
            return Task.FromResult(feed.Look().Current is null);
        });
        feed.Leave();
        fixture.Clock.Advance(options.Every);
    }

    [Test]
    public void The_age_of_stale_numbers_is_told_again_as_it_grows()
    {
        Assert.Multiple(() =>
        {
            Assert.That(LiveEvent.Of(5, Counts, 6_000).Id, Is.EqualTo(LiveEvent.Of(5, Counts, 9_999).Id));
            Assert.That(LiveEvent.Of(5, Counts, 6_000).Id, Is.Not.EqualTo(LiveEvent.Of(5, Counts, 10_000).Id));
            Assert.That(LiveEvent.Of(5, Counts, 6_000).Id, Is.Not.EqualTo(LiveEvent.Of(5, Counts, null).Id));
            Assert.That(LiveEvent.TryReadHour(LiveEvent.Of(5, Counts, 6_000).Id, out var hour) && hour == 5);
        });
    }
}
