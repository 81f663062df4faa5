using System.Collections.Concurrent;
using Tally.CommandService.Ingest;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Command;

public sealed class SendPumpTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    private readonly BlockingCollection<int> _sent = [];

    [TearDown]
    public void Empty()
    {
        while (_sent.TryTake(out _))
        {
        }
    }

    [Test]
    public void A_lone_item_goes_at_once()
    {
        using var pump = new SendPump<int>(Long, _sent.Add);
        for (var n = 0; n < 20; n++)
        {
            pump.Add(n);
            Assert.That(Next(), Is.EqualTo(n));
            pump.Settled();
        }
    }

    [Test]
    public void What_comes_meanwhile_waits_for_the_first_and_goes_together()
    {
        using var pump = new SendPump<int>(Long, _sent.Add);
        pump.Add(0);
        Assert.That(Next(), Is.Zero);
        for (var n = 1; n <= 8; n++) pump.Add(n);
        Assert.That(_sent.TryTake(out _, Moment), Is.False, "went before the first was settled");

        pump.Settled();

        Assert.That(Enumerable.Range(0, 8).Select(_ => Next()), Is.EqualTo(Enumerable.Range(1, 8)));
    }

    [Test]
    public void Nothing_waits_longer_than_the_linger()
    {
        using var pump = new SendPump<int>(TimeSpan.FromMilliseconds(20), _sent.Add);
        pump.Add(0);
        pump.Add(1);
        Assert.That((Next(), Next()), Is.EqualTo((0, 1)), "though nothing was ever settled");
    }

    [Test]
    public async Task Nothing_is_lost_between_many_threads()
    {
        const int Each = 20_000;
        SendPump<int>? pump = null;
        var sum = 0L;
        var count = 0;
        using var done = new ManualResetEventSlim();
        using (pump = new SendPump<int>(Long, n =>
        {
            sum += n;
            ThreadPool.UnsafeQueueUserWorkItem(static p => p!.Settled(), pump, preferLocal: false);
            if (++count == 4 * Each) done.Set();
        }))
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(t => Task.Run(() =>
            {
                for (var n = 0; n < Each; n++) pump.Add(n);
            })));
            Assert.That(done.Wait(Eventually.Patience), Is.True, $"{count} of {4 * Each} were sent");
        }
        Assert.That(sum, Is.EqualTo(4L * Each * (Each - 1) / 2));
    }

    [Test]
    public void It_ends_while_items_wait()
    {
        var pump = new SendPump<int>(Long, _sent.Add);
        pump.Add(0);
        Assert.That(Next(), Is.Zero);
        pump.Add(1);
        Assert.That(Task.Run(pump.Dispose).Wait(Eventually.Patience), Is.True);
        Assert.That(_sent.TryTake(out _), Is.False);
    }

    private int Next()
    {
        Assert.That(_sent.TryTake(out var item, Eventually.Patience), Is.True, "nothing was sent");
        return item;
    }
}
