using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Live;

/// <summary>
/// Follows the current hour for all listeners together, and only while there are any. A listener keeps no queue: it is told that something
/// changed and takes the newest, so that a slow one costs nothing.
/// </summary>
public sealed partial class LiveFeed(HourReader reader, IOptions<LiveOptions> options, TimeProvider clock, ILogger<LiveFeed> logger)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _next = New();
    private LiveEvent? _current;
    private int _listeners;
    private bool _following;

    /// <summary>Listeners now.</summary>
    public int Listeners => Volatile.Read(ref _listeners);

    /// <summary>Begins to listen.</summary>
    /// <returns>False when there are too many; otherwise <see cref="Leave"/> must be called once.</returns>
    public bool TryJoin()
    {
        lock (_gate)
        {
            if (_listeners == options.Value.MaxListeners) return false;
            _listeners++;
            if (_following) return true;
            // What was seen when somebody last listened is old.
            _current = null;
            _following = true;
            _ = Task.Run(FollowAsync);
            return true;
        }
    }

    public void Leave()
    {
        lock (_gate) _listeners--;
    }

    /// <summary>The newest event, null before the first, and a task that ends when there is another one or a heartbeat is due.</summary>
    public (LiveEvent? Current, Task Next) Look()
    {
        lock (_gate) return (_current, _next.Task);
    }

    /// <summary>An hour as it is now; null when no source can tell.</summary>
    public async Task<LiveEvent?> ReadAsync(long hour)
    {
        if (!reader.TryFind(hour, out var answer)) answer = await reader.ReadAsync(hour, CancellationToken.None).ConfigureAwait(false);
        return answer is null ? null : LiveEvent.Of(hour, answer.Answer.Counts, answer.Stale ? reader.AgeMs(answer.Answer) : null);
    }

    private async Task FollowAsync()
    {
        var toldAt = clock.GetTimestamp();
        while (true)
        {
            try
            {
                var hour = Hours.Of(clock.GetUtcNow().ToUnixTimeMilliseconds());
                var now = await ReadAsync(hour).ConfigureAwait(false);
                if (now is null) Forget(hour);
                var heartbeat = clock.GetElapsedTime(toldAt) >= options.Value.Heartbeat;
                if (Tell(now, heartbeat)) toldAt = clock.GetTimestamp();
            }
            catch (Exception e)
            {
                NotRead(logger, e);
            }
            await Task.Delay(options.Value.Every, clock).ConfigureAwait(false);
            lock (_gate)
            {
                _following = _listeners > 0;
                if (!_following) return;
            }
        }
    }

    /// <summary>Of a new hour nothing is known yet: who comes now must not take the one before it for it.</summary>
    private void Forget(long hour)
    {
        lock (_gate)
        {
            if (_current?.Hour < hour) _current = null;
        }
    }

    /// <returns>True when the listeners were told anything.</returns>
    private bool Tell(LiveEvent? now, bool heartbeat)
    {
        TaskCompletionSource told;
        lock (_gate)
        {
            var changed = now is not null && now.Id != _current?.Id;
            if (!changed && !heartbeat) return false;
            if (changed) _current = now;
            told = _next;
            _next = New();
        }
        told.SetResult();
        return true;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(EventId = 4301, Level = LogLevel.Error, Message = "The current hour could not be read for the live stream")]
    private static partial void NotRead(ILogger logger, Exception e);
}
