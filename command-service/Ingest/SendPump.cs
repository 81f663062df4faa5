using System.Collections.Concurrent;
using System.Diagnostics;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Hands events on in groups from a thread of its own. The first goes at once; those that come while it is under way wait until most of
/// it is settled, but no longer than the linger, and then go together. So a lone event never waits, and under load all partitions' requests
/// leave in one go instead of each at its own moment, which costs both ends less than librdkafka's own lingering (docs/performance.md).
/// </summary>
public sealed class SendPump<T> : IDisposable
{
    /// <summary>The next group goes when this part of the last one is still under way.</summary>
    private const int Remainder = 4;

    private readonly ConcurrentQueue<T> _waiting = new();
    private readonly ManualResetEventSlim _wake = new(false, spinCount: 0);
    private readonly Action<T> _send;
    private readonly long _linger;
    private readonly Thread _thread;
    private volatile bool _idle;
    private volatile bool _ended;
    private volatile int _threshold;
    private int _underWay;

    /// <param name="linger">Longest time to wait for the last group; in <see cref="Stopwatch"/> time.</param>
    /// <param name="send">Called on the pump's thread; each call is answered by one <see cref="Settled"/>, from any thread. Must not throw.</param>
    public SendPump(TimeSpan linger, Action<T> send)
    {
        _send = send;
        _linger = (long)(linger.TotalSeconds * Stopwatch.Frequency);
        _thread = new Thread(Run) { IsBackground = true, Name = "send-pump" };
        _thread.Start();
    }

    public void Add(T item)
    {
        _waiting.Enqueue(item);
        // Either the pump sees the item before it sleeps, or this sees the pump asleep.
        Interlocked.MemoryBarrier();
        if (_idle) _wake.Set();
    }

    /// <summary>One that was sent is done with.</summary>
    public void Settled()
    {
        if (Interlocked.Decrement(ref _underWay) == _threshold) _wake.Set();
    }

    /// <summary>Ends the thread; what waits is not sent any more.</summary>
    public void Dispose()
    {
        _ended = true;
        _wake.Set();
        _thread.Join();
        _wake.Dispose();
    }

    private void Run()
    {
        var last = 0L;
        while (!_ended)
        {
            if (_waiting.IsEmpty)
            {
                Rest();
                continue;
            }
            WaitForLastGroup(last);
            if (_ended) return;
            var sent = 0;
            for (; _waiting.TryDequeue(out var item); sent++)
            {
                Interlocked.Increment(ref _underWay);
                _send(item);
            }
            last = Stopwatch.GetTimestamp();
            _threshold = sent / Remainder;
        }
    }

    private void Rest()
    {
        _wake.Reset();
        _idle = true;
        Interlocked.MemoryBarrier();
        if (_waiting.IsEmpty && !_ended) _wake.Wait();
        _idle = false;
    }

    private void WaitForLastGroup(long since)
    {
        while (!_ended && Volatile.Read(ref _underWay) > _threshold)
        {
            var left = since + _linger - Stopwatch.GetTimestamp();
            if (left <= 0) return;
            _wake.Reset();
            // Whole milliseconds are what a wait can be given.
            if (Volatile.Read(ref _underWay) > _threshold) _wake.Wait(Math.Max(1, (int)(left * 1000 / Stopwatch.Frequency)));
        }
    }
}
