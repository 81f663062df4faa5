using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Does commits, which block, on a thread of its own, one at a time: the engine's goes on counting meanwhile.</summary>
internal sealed class CommitThread : ICommitUnderWay, IDisposable
{
    private readonly SemaphoreSlim _begun = new(0);
    private readonly ManualResetEventSlim _over = new();
    private readonly TimeProvider _clock;
    private readonly Thread _thread;
    private Action? _commit;
    private ExceptionDispatchInfo? _fault;
    private long _endedAt;

    public CommitThread(TimeProvider clock)
    {
        _clock = clock;
        _thread = new Thread(Main) { IsBackground = true, Name = "commit" };
        _thread.Start();
    }

    public bool IsOver => _over.IsSet;

    /// <summary>The one before must have ended.</summary>
    /// <param name="commit">What it throws comes out of <see cref="End"/>.</param>
    public ICommitUnderWay Begin(Action commit)
    {
        _over.Reset();
        _commit = commit;
        _begun.Release();
        return this;
    }

    public long End()
    {
        _over.Wait();
        _fault?.Throw();
        return _endedAt;
    }

    /// <summary>Waits for what was begun.</summary>
    public void Dispose()
    {
        if (_commit is not null) _over.Wait();
        _commit = null;
        _begun.Release();
        _thread.Join();
        _begun.Dispose();
        _over.Dispose();
    }

    private void Main()
    {
        while (true)
        {
            _begun.Wait();
            if (_commit is null) return;
            Execute(_commit);
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Handed to whoever asks for the outcome.")]
    private void Execute(Action commit)
    {
        try
        {
            commit();
        }
        catch (Exception e)
        {
            _fault = ExceptionDispatchInfo.Capture(e);
        }
        _endedAt = _clock.GetTimestamp();
        _over.Set();
    }
}
