using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.QueryService.Ranges;
using Tally.QueryService.Reading;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Ranges;

/// <summary>The range that is read before anybody asks for one.</summary>
public sealed class RangeWarmUpTests
{
    private readonly ManualTimeProvider _clock = new();

    [Test]
    public async Task Two_years_are_read_as_soon_as_the_archive_answers()
    {
        var away = true;
        var ranges = new FakeRanges { Step = _ => away ? throw new TimeoutException("not there yet") : Task.CompletedTask };
        ranges.Add(_clock.NowMs / 3_600_000, 1, click: true);
        using var reads = new PageReads(Options.Create(new QueryOptions()), _clock);
        var reader = Reader(ranges, reads);
        using var warmUp = new RangeWarmUp(ranges, reader, _clock);
        await warmUp.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync("it waits to ask again", () => Task.FromResult(_clock.Waiting > 0));
        Assert.That(ranges.Reads, Is.Zero);

        away = false;
        _clock.Advance(TimeSpan.FromSeconds(1));

        await warmUp.ExecuteTask!.WaitAsync(Eventually.Patience);
        Assert.That(ranges.Reads, Is.EqualTo(1));
    }

    [Test]
    public async Task It_ends_with_the_service_although_the_archive_never_answers()
    {
        var ranges = new FakeRanges { Step = _ => throw new TimeoutException("away") };
        using var reads = new PageReads(Options.Create(new QueryOptions()), _clock);
        var reader = Reader(ranges, reads);
        using var warmUp = new RangeWarmUp(ranges, reader, _clock);
        await warmUp.StartAsync(CancellationToken.None);
        await Eventually.HoldsAsync("it waits to ask again", () => Task.FromResult(_clock.Waiting > 0));
        await warmUp.StopAsync(CancellationToken.None);
        Assert.That(warmUp.ExecuteTask!.IsCompletedSuccessfully);
    }

    [Test]
    public async Task The_service_is_ready_once_they_are_read()
    {
        var read = new TaskCompletionSource();
        var ranges = new FakeRanges { Step = token => read.Task.WaitAsync(token) };
        using var reads = new PageReads(Options.Create(new QueryOptions()), _clock);
        using var warmUp = new RangeWarmUp(ranges, Reader(ranges, reads), _clock);
        await warmUp.StartAsync(CancellationToken.None);
        Assert.That(await StatusAsync(warmUp), Is.EqualTo(HealthStatus.Unhealthy));

        read.SetResult();

        await warmUp.ExecuteTask!.WaitAsync(Eventually.Patience);
        Assert.That(await StatusAsync(warmUp), Is.EqualTo(HealthStatus.Healthy));
    }

    [Test]
    public async Task An_archive_that_never_answers_holds_readiness_up_for_ten_seconds_and_no_longer()
    {
        var ranges = new FakeRanges { Step = token => Task.Delay(Timeout.Infinite, token) };
        using var reads = new PageReads(Options.Create(new QueryOptions()), _clock);
        using var warmUp = new RangeWarmUp(ranges, Reader(ranges, reads), _clock);
        await warmUp.StartAsync(CancellationToken.None);

        _clock.Advance(RangeWarmUp.ReadyAfter - TimeSpan.FromMilliseconds(1));
        Assert.That(await StatusAsync(warmUp), Is.EqualTo(HealthStatus.Unhealthy));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(await StatusAsync(warmUp), Is.EqualTo(HealthStatus.Healthy));
        await warmUp.StopAsync(CancellationToken.None);
    }

    private static async Task<HealthStatus> StatusAsync(RangeWarmUp warmUp) => (await warmUp.CheckHealthAsync(new HealthCheckContext())).Status;

    private RangeReader Reader(FakeRanges ranges, PageReads reads) =>
        new(ranges, reads, Options.Create(new RangeOptions()), _clock, NullLogger<RangeReader>.Instance);
}
