using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Tally.ProcessorService.State.Runs;

/// <summary>Where work that may take its time is done.</summary>
public interface IStateWorker
{
    void Start(StateWork work);
}

/// <summary>A piece of work whose result somebody fetches later.</summary>
public abstract class StateWork : IDisposable
{
    private readonly ManualResetEventSlim _done = new();

    public bool IsDone => _done.IsSet;

    /// <summary>What it failed with. Read it once it is done.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Asks it to end soon; its result will not be used.</summary>
    public bool IsCancelled { get; private set; }

    public void Cancel() => IsCancelled = true;

    public void Wait() => _done.Wait();

    [SuppressMessage("Design", "CA1031", Justification = "Handed to whoever fetches the result.")]
    public void Execute()
    {
        try
        {
            if (!IsCancelled) Run();
        }
        catch (Exception e)
        {
            Fault = e;
        }
        finally
        {
            _done.Set();
        }
    }

    public void Dispose()
    {
        _done.Dispose();
        GC.SuppressFinalize(this);
    }

    protected abstract void Run();
}

/// <summary>Does the work on the spot: for tests and simulations, where one thread does everything.</summary>
public sealed class InlineWorker : IStateWorker
{
    public void Start(StateWork work) => work.Execute();
}

/// <summary>Does the work on a thread of its own, one piece after the other.</summary>
public sealed class ThreadWorker : IStateWorker, IDisposable
{
    private readonly BlockingCollection<StateWork> _queue = new(boundedCapacity: 1024);

    public ThreadWorker() => new Thread(Main) { IsBackground = true, Name = "state-merge", Priority = ThreadPriority.BelowNormal }.Start();

    public void Start(StateWork work) => _queue.Add(work);

    public void Dispose() => _queue.CompleteAdding();

    private void Main()
    {
        foreach (var work in _queue.GetConsumingEnumerable()) work.Execute();
        _queue.Dispose();
    }
}
