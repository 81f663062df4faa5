using System.Collections.Concurrent;
using Tally.LocalBroker.Server.Network;

namespace Tally.LocalBroker.Server;

/// <summary>The connections of the moment: not more than allowed, and none that keeps the broker waiting for ever.</summary>
internal sealed partial class ConnectionTable : IAsyncDisposable
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<ClientSocket, Entry> _open = new();
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
    public void Serve(ClientSocket client, Func<Action<ClientConnection>, Task> serve)
    {
        if (_open.Count >= _options.ConnectionsMax)
        {
            // Said once, not once for each of thousands.
            if (!_full)
                LogFull(_options.ConnectionsMax);
            _full = true;
            client.Dispose();
            return;
        }

        _full = false;
        var entry = new Entry();
        _open[client] = entry;
        entry.Work = RunAsync(client, entry, serve);
    }

    public async ValueTask DisposeAsync()
    {
        await _rounds.DisposeAsync();
        Entry[] entries = [.. _open.Values];
        foreach (ClientSocket client in _open.Keys)
            client.Abort();
        await Task.WhenAll(entries.Select(e => e.Work)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync(ClientSocket client, Entry entry, Func<Action<ClientConnection>, Task> serve)
    {
        await Task.Yield();
        try
        {
            await serve(connection => entry.Connection = connection);
        }
        finally
        {
            _open.TryRemove(client, out _);
            client.Dispose();
        }
    }

    private void CloseOverdue()
    {
        foreach ((ClientSocket client, Entry entry) in _open)
        {
            if (entry.Connection?.Overdue() is not { } reason)
                continue;
            LogClosed(client.Remote, reason);
            client.Abort();
        }
    }

    [LoggerMessage(33, LogLevel.Warning, "There are {Max} connections, as many as --connections-max allows: further ones are closed")]
    private partial void LogFull(int max);

    [LoggerMessage(34, LogLevel.Warning, "{Client}: closed, {Reason}")]
    private partial void LogClosed(System.Net.EndPoint? client, string reason);

    private sealed class Entry
    {
        public Task Work { get; set; } = Task.CompletedTask;

        public volatile ClientConnection? Connection;
    }
}
