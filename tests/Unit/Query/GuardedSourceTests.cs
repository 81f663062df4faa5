using Microsoft.Extensions.Logging.Abstractions;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>Whatever a source does, a read ends in time and without an exception.</summary>
public sealed class GuardedSourceTests
{
    private static readonly SourceProgress Progress = new(1, [new(1, 0, 1, 1, 0)]);
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BreakFor = TimeSpan.FromSeconds(1);

    private ManualTimeProvider _clock = null!;
    private FakeSource _source = null!;

    [SetUp]
    public void SetUp()
    {
        _clock = new ManualTimeProvider();
        _source = new FakeSource("redis");
        _source.Has(HourState.Complete, default, Progress);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_read_that_hangs_ends_at_its_time_limit(bool ignoresTokens)
    {
        using var guarded = Guarded();
        _source.IgnoresTokens = ignoresTokens;
        _source.Gate = new TaskCompletionSource().Task;

        var read = guarded.TryReadAsync(1, CancellationToken.None);
        _clock.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.That(read.IsCompleted, Is.False);
        _clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(await read.WaitAsync(Eventually.Patience), Is.Null);
    }

    [Test]
    public async Task A_source_that_fails_is_left_alone_then_tried_by_one_read_and_taken_back()
    {
        using var guarded = Guarded();
        _source.IsAway();
        for (var i = 0; i < 3; i++) Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Null);
        for (var i = 0; i < 50; i++) Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Null);
        Assert.That(_source.Reads, Is.EqualTo(3), "an open breaker asks nobody");

        _clock.Advance(BreakFor);
        Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Null);
        Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Null);
        Assert.That(_source.Reads, Is.EqualTo(4), "one read tries");

        _source.Has(HourState.Complete, default, Progress);
        _clock.Advance(BreakFor);
        for (var i = 0; i < 5; i++) Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Not.Null);
    }

    [Test]
    public async Task Calls_left_behind_keep_their_places_until_they_end()
    {
        using var guarded = Guarded(concurrency: 2);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _source.IgnoresTokens = true;
        _source.Gate = gate.Task;
        var hanging = new[] { guarded.TryReadAsync(1, CancellationToken.None), guarded.TryReadAsync(2, CancellationToken.None) };
        _clock.Advance(Limit);
        foreach (var read in hanging) await read.WaitAsync(Eventually.Patience);

        Assert.That(await guarded.TryReadAsync(3, CancellationToken.None), Is.Null);
        Assert.That(_source.Reads, Is.EqualTo(2));

        gate.SetResult();
        Assert.That(async () => await guarded.TryReadAsync(4, CancellationToken.None), Is.Not.Null.After(5000, 5));
    }

    [Test]
    public async Task Reads_wait_for_a_place_in_a_bounded_queue()
    {
        using var guarded = Guarded(concurrency: 1, queue: 2);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _source.Gate = gate.Task;
        var waiting = Enumerable.Range(0, 3).Select(hour => guarded.TryReadAsync(hour, CancellationToken.None)).ToArray();

        Assert.That(await guarded.TryReadAsync(9, CancellationToken.None), Is.Null, "one more than may wait");
        Assert.That(_source.Reads, Is.EqualTo(1));

        gate.SetResult();
        Assert.That(await Task.WhenAll(waiting).WaitAsync(Eventually.Patience), Has.All.Not.Null);
    }

    [Test]
    public async Task Being_asked_too_much_does_not_open_the_breaker()
    {
        using var guarded = Guarded(concurrency: 1);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _source.Gate = gate.Task;
        var first = guarded.TryReadAsync(1, CancellationToken.None);
        for (var i = 0; i < 50; i++) Assert.That(await guarded.TryReadAsync(1, CancellationToken.None), Is.Null);

        gate.SetResult();
        await first;

        Assert.That(async () => await guarded.TryReadAsync(1, CancellationToken.None), Is.Not.Null.After(5000, 5));
    }

    [Test]
    public async Task Waiting_in_vain_for_a_source_that_answers_does_not_open_the_breaker()
    {
        using var guarded = Guarded(concurrency: 1, queue: 20);
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var second = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _source.Gate = first.Task;
        var answered = guarded.TryReadAsync(0, CancellationToken.None);
        _clock.Advance(Limit / 2);
        var waiting = Enumerable.Range(1, 20).Select(hour => guarded.TryReadAsync(hour, CancellationToken.None)).ToArray();
        _source.Gate = second.Task;
        first.SetResult();
        Assert.That(await answered.WaitAsync(Eventually.Patience), Is.Not.Null);
        Assert.That(() => _source.Reads, Is.EqualTo(2).After(20_000, 5), "the first of those that wait is let in");

        _clock.Advance(Limit);
        Assert.That(await Task.WhenAll(waiting).WaitAsync(Eventually.Patience), Has.All.Null);
        second.SetResult();

        Assert.That(async () => await guarded.TryReadAsync(99, CancellationToken.None), Is.Not.Null.After(5000, 5));
    }

    [Test]
    public async Task Waiting_while_no_read_ends_opens_the_breaker()
    {
        using var guarded = Guarded(concurrency: 1, queue: 20);
        _source.IgnoresTokens = true;
        var hangs = new TaskCompletionSource();
        _source.Gate = hangs.Task;
        var hanging = Enumerable.Range(0, 10).Select(hour => guarded.TryReadAsync(hour, CancellationToken.None)).ToArray();
        _clock.Advance(Limit);
        Assert.That(await Task.WhenAll(hanging).WaitAsync(Eventually.Patience), Has.All.Null);

        // There is room again, but nobody is asked while the breaker is open.
        hangs.SetResult();
        var asked = _source.Reads;
        Assert.That(await guarded.TryReadAsync(99, CancellationToken.None).WaitAsync(Eventually.Patience), Is.Null);
        Assert.That(_source.Reads, Is.EqualTo(asked));
    }

    private GuardedSource Guarded(int concurrency = 64, int queue = 0) =>
        new(_source, "redis", new SourceLimits(Limit, concurrency, queue, BreakFor), _clock, NullLogger<GuardedSource>.Instance);
}
