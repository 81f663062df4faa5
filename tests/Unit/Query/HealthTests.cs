using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>Ready means that an hour can be answered.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HealthTests : IDisposable
{
    private readonly ReaderFixture _f = new();
    private readonly SourcesHealthCheck _check;

    public HealthTests() => _check = new SourcesHealthCheck(_f.Sources, _f.Clock);

    public void Dispose()
    {
        _check.Dispose();
        _f.Dispose();
    }

    [TestCase(true, true, HealthStatus.Healthy)]
    [TestCase(false, true, HealthStatus.Degraded)]
    [TestCase(true, false, HealthStatus.Degraded)]
    [TestCase(false, false, HealthStatus.Unhealthy)]
    public async Task One_source_that_answers_is_enough(bool redis, bool archive, HealthStatus expected)
    {
        if (redis) _f.Redis.Has(HourState.Absent, default, _f.Progress(1, TimeSpan.Zero));
        if (archive) _f.Archive.Has(HourState.Absent, default, _f.Progress(1, TimeSpan.Zero));

        Assert.That((await AskAsync()).Status, Is.EqualTo(expected));
    }

    [Test]
    public async Task Sources_that_know_nothing_yet_are_not_ready()
    {
        _f.Redis.Has(HourState.Absent, default, new SourceProgress(0, []));
        _f.Archive.Has(HourState.Absent, default, _f.Progress((1, TimeSpan.Zero), null));

        Assert.That((await AskAsync()).Status, Is.EqualTo(HealthStatus.Unhealthy));
    }

    [Test]
    public async Task A_source_that_fails_is_named_with_its_reason_and_its_setting()
    {
        _f.Redis.Has(HourState.Absent, default, _f.Progress(1, TimeSpan.Zero));
        _f.Archive.Answer = _ => throw new ArchiveNotReadyException("There is no archive at data/archive.db yet: materializer-service makes it.");

        Assert.That((await AskAsync()).Description, Is.EqualTo(
            "the archive does not answer, Redis does (Archive:ConnectionString: There is no archive at data/archive.db yet: materializer-service makes it)"));
    }

    [Test]
    public async Task The_result_is_kept_for_a_second()
    {
        for (var i = 0; i < 10; i++) await AskAsync();
        Assert.That(_f.Redis.Reads, Is.EqualTo(1));

        _f.Clock.Advance(TimeSpan.FromSeconds(1));
        await AskAsync();
        Assert.That(_f.Redis.Reads, Is.EqualTo(2));
    }

    private Task<HealthCheckResult> AskAsync() => _check.CheckHealthAsync(new HealthCheckContext()).WaitAsync(Eventually.Patience);
}
