using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Does commits, which block, on a thread of its own, one at a time: the engine's goes on counting meanwhile.</summary>
internal sealed class CommitThread : ICommitUnderWay, IDisposable
{
    /// <summary>Time passes slice by slice: of one that a frozen process slept through the next begins anew.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _begun = new(0);
    private readonly ManualResetEventSlim _over = new();
    private readonly TimeProvider _clock;
    private readonly Action _leftBehind;
    private readonly Thread _thread;
    private Action? _commit;
    private ExceptionDispatchInfo? _fault;
    private long _endedAt;
    private TimeSpan _limit;

    /// <param name="clock">Tells when a commit ended.</param>
    /// <param name="leftBehind">Called once a commit comes back after all that nobody waits for any more.</param>
    public CommitThread(TimeProvider clock, Action leftBehind)
    {
        (_clock, _leftBehind) = (clock, leftBehind);
        _thread = new Thread(Main) { IsBackground = true, Name = "commit" };
        _thread.Start();
    }

    public bool IsOver => _over.IsSet;

    /// <summary>A commit was waited for in vain.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>The one before must have ended.</summary>
    /// <param name="commit">What it throws comes out of <see cref="End"/>.</param>
    /// <param name="limit">One that takes longer never comes back: librdkafka's own time-outs are shorter, and have failed it (issue 5456 of its repository).</param>
    public ICommitUnderWay Begin(Action commit, TimeSpan limit)
    {
        _limit = limit;
        _over.Reset();
        _commit = commit;
        _begun.Release();
        return this;
    }

    /// <exception cref="CorruptedException">It did not end within its limit, or failed so.</exception>
    public long End()
    {
        if (!IsOverInTime()) throw new CorruptedException($"A commit did not come back within {_limit.TotalSeconds} s; it is left behind, and the next producer fences it.");
        _fault?.Throw();
        return _endedAt;
    }

    /// <summary>Waits for what was begun, within its limit; where it is stuck, it keeps the thread and all that it uses until it comes back.</summary>
    public void Dispose()
    {
        if (_commit is not null) IsOverInTime();
        _commit = null;
        _begun.Release();
        if (IsStuck) return;
        _thread.Join();
        _begun.Dispose();
        _over.Dispose();
    }

    private bool IsOverInTime()
    {
        for (var left = _limit; left > TimeSpan.Zero && !IsStuck; left -= Slice)
            if (_over.Wait(left < Slice ? left : Slice)) return true;
        IsStuck = !_over.IsSet;
        return !IsStuck;
    }

    private void Main()
    {
        while (true)
        {
            _begun.Wait();
            if (_commit is not { } commit) break;
            Execute(commit);
        }
        if (IsStuck) _leftBehind();
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
