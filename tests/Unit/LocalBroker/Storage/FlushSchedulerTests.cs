using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class FlushSchedulerTests
{
    [Test]
    public async Task Who_waits_for_a_flush_that_fails_is_told_so()
    {
        var lines = new RecordingLog();
        await using var flush = new FlushScheduler(FlushPolicy.Group, TimeSpan.Zero, TimeProvider.System, lines);
        flush.MarkDirty(new Flushable(() => throw new IOException("Input/output error")));
        Assert.That(await flush.WhenDurableAsync(), Is.False);
        Assert.That(flush.HasFailed, Is.False, "one file failed, the others are well");
        flush.MarkDirty(new Flushable(() => { }));
        Assert.That(await flush.WhenDurableAsync(), Is.True);
    }

    [Test]
    public async Task A_failure_that_nobody_foresaw_leaves_no_waiter_hanging_and_ends_all_acceptance()
    {
        var lines = new RecordingLog();
        await using var flush = new FlushScheduler(FlushPolicy.Group, TimeSpan.Zero, TimeProvider.System, lines);
        using var began = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        flush.MarkDirty(new Flushable(() =>
        {
            began.Release();
            goOn.Wait();
            throw new InvalidOperationException("nobody foresaw this");
        }));
        await began.WaitAsync();
        Task<bool> inThisRound = flush.WhenDurableAsync();
        flush.MarkDirty(new Flushable(() => { }));
        Task<bool> inTheNext = flush.WhenDurableAsync();
        goOn.Release();
        Assert.That((await inThisRound, await inTheNext), Is.EqualTo((false, false)));
        Assert.That(flush.HasFailed);
        Assert.That(lines.Lines, Has.Some.Contains("nothing more is accepted until the broker is restarted"));
    }

    private sealed class Flushable(Action flush) : IFlushable
    {
        public void FlushToDisk() => flush();
    }
}
