using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>However many ask, a source is asked once.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SingleFlightTests : IDisposable
{
    private static readonly HourCounts Few = new(2, 3, 4);
    private readonly ReaderFixture _f = new();

    public void Dispose() => _f.Dispose();

    [Test]
    public async Task A_thousand_gets_of_a_cold_hour_are_one_read_of_the_archive()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _f.Redis.Has(HourState.Absent, default, _f.Progress(10, TimeSpan.Zero));
        _f.Archive.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        _f.Archive.Gate = gate.Task;

        var gets = Enumerable.Range(0, 1000).Select(_ => Task.Run(() => _f.GetAsync())).ToArray();
        await Task.WhenAny(Task.WhenAll(gets), Task.Delay(50));
        gate.SetResult();
        var answers = await Task.WhenAll(gets);

        Assert.Multiple(() =>
        {
            Assert.That(answers.Select(a => a?.Answer.Counts), Has.All.EqualTo(Few));
            Assert.That(_f.Archive.Reads, Is.EqualTo(1));
            Assert.That(_f.Redis.Reads, Is.EqualTo(1));
            Assert.That(() => _f.Refill.Calls, Is.EqualTo(1).After(5000, 5));
        });
    }

    [Test]
    public async Task Memory_answers_for_its_time_and_no_longer()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        await _f.GetAsync();

        _f.Clock.Advance(_f.Options.CacheFor - TimeSpan.FromTicks(1));
        await _f.GetAsync();
        Assert.That(_f.Redis.Reads, Is.EqualTo(1));

        _f.Clock.Advance(_f.Options.CacheFor + TimeSpan.FromTicks(1));
        Assert.That(_f.Reader.TryFind(ReaderFixture.Hour, out _), Is.False, "twice the time is the limit");
        await _f.GetAsync();
        Assert.That(_f.Redis.Reads, Is.EqualTo(2));
    }

    [Test]
    public async Task An_answer_about_to_expire_is_given_while_one_read_fetches_the_next()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        await _f.GetAsync();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _f.Redis.Gate = gate.Task;
        _f.Redis.Has(HourState.Complete, new HourCounts(9, 9, 9), _f.Progress(11, TimeSpan.Zero));
        _f.Clock.Advance(_f.Options.CacheFor);

        for (var i = 0; i < 100; i++) Assert.That((await _f.GetAsync())!.Answer.Counts, Is.EqualTo(Few));
        Assert.That(_f.Redis.Reads, Is.EqualTo(2));

        gate.SetResult();
        Assert.That(async () => (await _f.GetAsync())!.Answer.Counts.Clicks, Is.EqualTo(9).After(5000, 5));
        Assert.That(_f.Redis.Reads, Is.EqualTo(2));
    }

    [Test]
    public async Task Without_a_cache_every_get_reads()
    {
        using var f = new ReaderFixture(o => o.CacheFor = TimeSpan.Zero);
        f.Redis.Has(HourState.Complete, Few, f.Progress(10, TimeSpan.Zero));

        for (var i = 0; i < 5; i++) await f.GetAsync();

        Assert.That(f.Redis.Reads, Is.EqualTo(5));
    }

    [Test]
    public async Task A_client_that_goes_away_does_not_end_the_read_of_the_others()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        _f.Redis.Gate = gate.Task;
        using var gone = new CancellationTokenSource();
        var first = _f.Reader.ReadAsync(ReaderFixture.Hour, gone.Token);
        var second = _f.Reader.ReadAsync(ReaderFixture.Hour, CancellationToken.None);

        await gone.CancelAsync();
        gate.SetResult();

        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((await second)!.Answer.Counts, Is.EqualTo(Few));
    }

    [Test]
    public async Task A_hit_allocates_nothing()
    {
        _f.Redis.Has(HourState.Complete, Few, _f.Progress(10, TimeSpan.Zero));
        await _f.GetAsync();
        Hit(1000);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Hit(1000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Hit(int times)
        {
            for (var i = 0; i < times; i++)
                if (!_f.Reader.TryFind(ReaderFixture.Hour, out var _)) throw new InvalidOperationException("no hit");
        }
    }
}
