using Microsoft.Extensions.Logging.Abstractions;
using Tally.QueryService.Reading;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>An hour that Redis lacked is brought back once, however often it is asked for.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RefillQueueTests : IAsyncDisposable
{
    private readonly QueryOptions _options = new() { RefillQueue = 3, RefillConcurrency = 2 };
    private readonly ManualTimeProvider _clock = new();
    private readonly FakeRefill _refill = new();
    private readonly RefillQueue _queue;

    public RefillQueueTests() =>
        _queue = new RefillQueue(_refill, Microsoft.Extensions.Options.Options.Create(_options), _clock, NullLogger<RefillQueue>.Instance);

    public async ValueTask DisposeAsync()
    {
        await _queue.StopAsync(CancellationToken.None).WaitAsync(Eventually.Patience);
        _queue.Dispose();
    }

    [Test]
    public async Task One_refill_an_hour_is_in_flight()
    {
        var gate = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _refill.Answer = _ => gate.Task;
        for (var i = 0; i < 100; i++) _queue.Offer(7);
        await Eventually.HoldsAsync("the refill runs", () => Task.FromResult(_refill.Calls == 1));
        Assert.That(_queue.Count, Is.EqualTo(1));

        gate.SetResult(true);
        await Eventually.HoldsAsync("the queue is empty", () => Task.FromResult(_queue.Count == 0));
        Assert.That(_refill.Calls, Is.EqualTo(1));

        _queue.Offer(7);
        await Eventually.HoldsAsync("a later miss begins another", () => Task.FromResult(_refill.Calls == 2));
    }

    [Test]
    public async Task It_is_tried_again_until_the_archive_has_caught_up()
    {
        var answers = new Queue<Func<Task<bool>>>([() => Task.FromResult(false), () => throw new IOException("away"), () => Task.FromResult(true)]);
        _refill.Answer = _ => answers.Dequeue()();
        _queue.Offer(7);

        await Eventually.HoldsAsync("the first turn has come", () => Task.FromResult(_refill.Calls == 1));
        // A turn waits for its pause only once the try before it has ended, on a thread of its own: the clock is moved until it has.
        await Eventually.HoldsAsync("the third turn has succeeded", () =>
        {
            if (_queue.Count > 0) _clock.Advance(_options.RefillEvery);
            return Task.FromResult(_queue.Count == 0);
        });
        Assert.That(_refill.Calls, Is.EqualTo(3));
    }

    [Test]
    public async Task It_gives_up_after_its_time()
    {
        _refill.Answer = _ => Task.FromResult(false);
        _queue.Offer(7);

        await Eventually.HoldsAsync("it gave up", () =>
        {
            if (_clock.Waiting > 0) _clock.Advance(TimeSpan.FromSeconds(10));
            return Task.FromResult(_queue.Count == 0);
        });
        // How many of them a step of the clock sets off is the scheduler's affair.
        Assert.That(_refill.Calls, Is.InRange(2, (int)(_options.RefillFor / _options.RefillEvery) + 1));
    }

    [Test]
    public async Task More_hours_than_the_queue_holds_are_not_taken()
    {
        _refill.Answer = _ => new TaskCompletionSource<bool>().Task;
        for (var hour = 0; hour < 50; hour++) _queue.Offer(hour);

        Assert.That(_queue.Count, Is.EqualTo(3));
        await Eventually.HoldsAsync("two are at work", () => Task.FromResult(_refill.Calls == 2));
    }
}
