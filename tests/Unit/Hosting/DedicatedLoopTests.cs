using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.Shared.Hosting;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Hosting;

public sealed class DedicatedLoopTests
{
    [Test]
    public async Task What_the_loop_uses_can_be_disposed_once_it_is_disposed_though_its_end_was_not_waited_for()
    {
        using var lifetime = new NoLifetime();
        using var goOn = new ManualResetEventSlim();
        var loop = new SlowLoop(goOn, lifetime);
        await loop.StartAsync(CancellationToken.None);
        Assert.That(async () => await loop.StopAsync(new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        var disposed = Task.Factory.StartNew(loop.Dispose, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.That(disposed.IsCompleted, Is.False);
        goOn.Set();
        await disposed.WaitAsync(Eventually.Patience);
        Assert.That(loop.HasEnded, Is.True);
    }

    private sealed class SlowLoop(ManualResetEventSlim goOn, IHostApplicationLifetime lifetime) : DedicatedLoop("slow", lifetime, TimeProvider.System, NullLogger.Instance)
    {
        public bool HasEnded { get; private set; }

        protected override void Run(CancellationToken stopping)
        {
            goOn.Wait(CancellationToken.None);
            HasEnded = true;
        }
    }

    private sealed class NoLifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _never = new();

        public CancellationToken ApplicationStarted => _never.Token;
        public CancellationToken ApplicationStopping => _never.Token;
        public CancellationToken ApplicationStopped => _never.Token;

        public void StopApplication()
        {
        }

        public void Dispose() => _never.Dispose();
    }
}
