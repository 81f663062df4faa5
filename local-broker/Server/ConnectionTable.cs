using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace Tally.LocalBroker.Server;

/// <summary>The connections of the moment: not more than allowed, and none that keeps the broker waiting for ever.</summary>
internal sealed partial class ConnectionTable : IAsyncDisposable
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<ConnectionContext, Entry> _open = new();
    private readonly LocalBrokerOptions _options;
    private readonly ILogger _log;
    private readonly ITimer _rounds;
    private bool _full;

    public ConnectionTable(LocalBrokerOptions options, ILogger log)
    {
        (_options, _log) = (options, log);
        _rounds = options.TimeProvider.CreateTimer(_ => CloseOverdue(), null, Round, Round);
    }

    /// <summary>Serves a connection in the background, or closes it at once when there are too many.</summary>
    public async Task ServeAsync(ConnectionContext connection, Func<Action<ClientConnection>, Task> serve)
    {
        if (_open.Count >= _options.ConnectionsMax)
        {
            // Said once, not once for each of thousands.
            if (!_full)
                LogFull(_options.ConnectionsMax);
            _full = true;
            connection.Abort();
            await connection.DisposeAsync();
            return;
        }

        _full = false;
        var entry = new Entry();
        _open[connection] = entry;
        entry.Work = RunAsync(connection, entry, serve);
    }

    public async ValueTask DisposeAsync()
    {
        await _rounds.DisposeAsync();
        Entry[] entries = [.. _open.Values];
        foreach (ConnectionContext connection in _open.Keys)
            connection.Abort();
        await Task.WhenAll(entries.Select(e => e.Work)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync(ConnectionContext connection, Entry entry, Func<Action<ClientConnection>, Task> serve)
    {
        await Task.Yield();
        try
        {
            await serve(client => entry.Client = client);
        }
        finally
        {
            _open.TryRemove(connection, out _);
        }
    }

    private void CloseOverdue()
    {
        foreach ((ConnectionContext connection, Entry entry) in _open)
        {
            if (entry.Client?.Overdue() is not { } reason)
                continue;
            LogClosed(connection.RemoteEndPoint, reason);
            connection.Abort();
        }
    }

    [LoggerMessage(33, LogLevel.Warning, "There are {Max} connections, as many as --connections-max allows: further ones are closed")]
    private partial void LogFull(int max);

    [LoggerMessage(34, LogLevel.Warning, "{Client}: closed, {Reason}")]
    private partial void LogClosed(System.Net.EndPoint? client, string reason);

    private sealed class Entry
    {
        public Task Work { get; set; } = Task.CompletedTask;

        public volatile ClientConnection? Client;
    }
}
