using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>
/// The hours remembered, bounded. Forgetting one keeps how far its answers had come: an hour that comes back is held against the
/// furthest of all those forgotten.
/// </summary>
public sealed class HourCache(int capacity)
{
    private readonly ConcurrentDictionary<long, HourEntry> _entries = new();
    private readonly Lock _forgetting = new();
    private SourceProgress? _forgotten;
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool TryFind(long hour, [NotNullWhen(true)] out HourEntry? entry) => _entries.TryGetValue(hour, out entry);

    public HourEntry FindOrAdd(long hour)
    {
        while (true)
        {
            if (_entries.TryGetValue(hour, out var entry)) return entry;
            if (Count >= capacity) ForgetSome();
            // Taken under the lock: an entry of the same hour that is being forgotten is in the progress by then.
            lock (_forgetting)
            {
                entry = new HourEntry(hour, AnswerFloor.Of(_forgotten));
                if (!_entries.TryAdd(hour, entry)) continue;
                Interlocked.Increment(ref _count);
                return entry;
            }
        }
    }

    /// <summary>Forgets the eighth that was not asked for longest, so that this is rarely done.</summary>
    private void ForgetSome()
    {
        lock (_forgetting)
        {
            if (_count < capacity) return;
            foreach (var entry in _entries.Values.OrderBy(e => e.LastAsked).Take(Math.Max(1, capacity / 8)))
            {
                lock (entry)
                {
                    if (entry.Loading is not null) continue;
                    entry.Forgotten = true;
                    _forgotten = SourceProgress.Furthest(_forgotten, entry.Floor.Progress);
                }
                if (_entries.TryRemove(entry.Hour, out _)) _count--;
            }
        }
    }
}
