using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>A running broker. Dispose it to stop: connections are closed, everything is flushed, and a checkpoint is written.</summary>
public sealed partial class LocalBrokerServer : IAsyncDisposable
{
    private readonly BrokerState _state;
    private readonly IConnectionListener _listener;
    private readonly HandlerTable _handlers;
    private readonly FaultPlan _faults = new();
    private readonly Maintenance _maintenance;
    private readonly ConcurrentDictionary<ConnectionContext, Task> _connections = new();
    private readonly ILogger _log;
    private readonly Task _accepting;
    private int _stopped;

    private LocalBrokerServer(BrokerState state, IConnectionListener listener)
    {
        (_state, _listener) = (state, listener);
        _state.Port = ((IPEndPoint)listener.EndPoint).Port;
        _log = state.Options.LoggerFactory.CreateLogger("Tally.LocalBroker");
        _handlers = Handlers.Handlers.Register(state);
        _maintenance = new Maintenance(state, _log);
        _accepting = AcceptAsync();
    }

    /// <summary>Port in use, also where the system chose it.</summary>
    public int Port => _state.Port;

    /// <summary>What clients take as bootstrap.servers.</summary>
    public string BootstrapServers => $"{_state.Host}:{_state.Port}";

    /// <summary>
    /// Opens the data folder and listens. Throws <see cref="DataFolderException"/> when the folder cannot be used and <see cref="IOException"/> when the
    /// port cannot; both messages are sentences.
    /// </summary>
    public static async Task<LocalBrokerServer> StartAsync(LocalBrokerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var state = new BrokerState(options);
        try
        {
            return new LocalBrokerServer(state, await ListenAsync(options, cancellationToken));
        }
        catch
        {
            await state.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the fault happen to the next request of that kind; several calls queue up.</summary>
    public void OnNext(ApiKey key, Fault fault) => _faults.Add(key, fault);

    /// <summary>Runs retention, compaction and checkpoints now instead of at their next turn.</summary>
    public Task MaintainAsync() => _maintenance.RunOnceAsync();

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
            return;
        await _listener.UnbindAsync();
        await _accepting;
        foreach (ConnectionContext connection in _connections.Keys)
            connection.Abort();
        await Task.WhenAll(_connections.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _listener.DisposeAsync();
        await _maintenance.DisposeAsync();
        await _state.DisposeAsync();
    }

    private static async Task<IConnectionListener> ListenAsync(LocalBrokerOptions options, CancellationToken cancellationToken)
    {
        IPAddress address = await ResolveAsync(options.Host, cancellationToken);
        var factory = new SocketTransportFactory(Options.Create(new SocketTransportOptions { Backlog = 1024, UnsafePreferInlineScheduling = true }), options.LoggerFactory);
        try
        {
            return await factory.BindAsync(new IPEndPoint(address, options.Port), cancellationToken);
        }
        catch (AddressInUseException e)
        {
            throw new IOException($"Port {options.Port} on {options.Host} is in use by another program; choose another with --port.", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"Cannot listen on {options.Host}:{options.Port}: {e.Message}", e);
        }
    }

    private static async Task<IPAddress> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return address;
        try
        {
            IPAddress[] found = await Dns.GetHostAddressesAsync(host, cancellationToken);
            return found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException e)
        {
            throw new IOException($"The host name {host} cannot be resolved: {e.Message}", e);
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            ConnectionContext? connection;
            try
            {
                connection = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // Out of file descriptors, for one: what is connected goes on.
                LogAcceptFailed(e);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _state.Options.TimeProvider);
                continue;
            }

            if (connection is null)
                return;
            _connections[connection] = Serve(connection);
        }
    }

    private async Task Serve(ConnectionContext connection)
    {
        await Task.Yield();
        try
        {
            await new ClientConnection(connection, _handlers, _faults, _state.Options.RequestBytesMax, _log).RunAsync();
        }
        finally
        {
            _connections.TryRemove(connection, out _);
        }
    }

    [LoggerMessage(30, LogLevel.Error, "A connection could not be accepted")]
    private partial void LogAcceptFailed(Exception e);
}
