using System.Threading.Channels;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.LocalBroker.Coordinators;

/// <summary>Transactions that somebody works on while somebody else waits for the disk.</summary>
public sealed class TransactionRaceTests
{
    [Test]
    public async Task An_initialisation_that_waited_for_an_end_does_not_run_over_the_transaction_begun_meanwhile()
    {
        await using var broker = new TestCoordinators(FlushPolicy.Group);
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        await broker.State.Flush.WhenDurableAsync();
        // Room for the decision and not for the marker: what is left to do is the next one's who asks.
        broker.Disk.WritesBefore = 1;
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.None), "decided");
        broker.Disk.WritesBefore = int.MaxValue;

        using var steps = new StepByStep();
        Task<(ErrorCode Error, long ProducerId, short Epoch)> other = steps.Start(() => broker.InitAsync().AsTask());
        while (Status(broker) != "CompleteCommit")
            await steps.NextAsync();
        Assert.That(other.IsCompleted, Is.False, "it finished the other's commit and has not gone on yet");
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.None), "the owner begins the next transaction");
        Assert.That(broker.Append(pid, epoch, 1), Is.EqualTo(ErrorCode.None));
        while (!other.IsCompleted)
            await steps.NextAsync();
        Assert.That((await other).Error, Is.EqualTo(ErrorCode.ConcurrentTransactions), "to be asked again");
        Assert.That(Status(broker), Is.EqualTo("Ongoing"));

        Assert.That(await broker.InitAsync(), Is.EqualTo((ErrorCode.None, pid, (short)(epoch + 2))), "asked again, it aborts what is open");
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(broker.Log(0).EndOffset));
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted!.Select(a => a.FirstOffset), Is.EqualTo(new[] { 2L }), "the second transaction and not the first");
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
    }

    private static string? Status(TestCoordinators broker) => broker.Transactions.Read("tx", t => t.Status.ToString());

    /// <summary>Holds what follows each wait of what was started in it until the test asks for the next piece.</summary>
    private sealed class StepByStep : SynchronizationContext, IDisposable
    {
        private readonly Channel<(SendOrPostCallback Callback, object? State)> _pieces = Channel.CreateUnbounded<(SendOrPostCallback, object?)>();

        public override void Post(SendOrPostCallback d, object? state) => _pieces.Writer.TryWrite((d, state));

        public T Start<T>(Func<T> start)
        {
            SynchronizationContext? before = Current;
            SetSynchronizationContext(this);
            try
            {
                return start();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }

        public async Task NextAsync()
        {
            (SendOrPostCallback callback, object? state) = await _pieces.Reader.ReadAsync().AsTask().WaitAsync(Eventually.Patience);
            callback(state);
        }

        public void Dispose() => _pieces.Writer.Complete();
    }
}
