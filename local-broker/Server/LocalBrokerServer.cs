using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Security;
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
    private readonly ConnectionTable _connections;
    private readonly Tls? _tls;
    private readonly SaslUsers? _users;
    private readonly ILogger _log;
    private readonly Task _accepting;
    private int _stopped;

    private LocalBrokerServer(BrokerState state, IConnectionListener listener, Tls? tls, SaslUsers? users)
    {
        (_state, _listener, _tls, _users) = (state, listener, tls, users);
        _state.Port = ((IPEndPoint)listener.EndPoint).Port;
        _log = state.Options.LoggerFactory.CreateLogger("Tally.LocalBroker");
        _handlers = Handlers.Handlers.Register(state, _log);
        _connections = new ConnectionTable(state.Options, _log);
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
        Tls? tls = options.TlsCertificate is { } certificate ? Tls.Load(certificate, options.TlsKey) : null;
        SaslUsers? users = options.SaslUsersFile is { } file ? SaslUsers.Load(file) : null;
        var state = new BrokerState(options);
        try
        {
            IConnectionListener listener = await ListenAsync(options, cancellationToken);
            if (listener.EndPoint is IPEndPoint { Address: var address } && !IPAddress.IsLoopback(address) && (tls is null || users is null))
                LogOpenToAll(options.LoggerFactory.CreateLogger("Tally.LocalBroker"), address, tls is null ? "TLS (--tls-certificate)" : "users (--sasl-users)");
            return new LocalBrokerServer(state, listener, tls, users);
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
        await _connections.DisposeAsync();
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
            await _connections.ServeAsync(connection, serving => ServeAsync(connection, serving));
        }
    }

    private async Task ServeAsync(ConnectionContext connection, Action<ClientConnection> serving)
    {
        var session = new ClientSession(_users);
        if (_tls is null)
        {
            await RunAsync(connection, connection.Transport, session, serving);
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        patience.CancelAfter(_state.Options.ClientPatience);
        try
        {
            await using SslStream stream = await _tls.AcceptAsync(connection.Transport, patience.Token);
            await RunAsync(connection, new StreamPipe(stream), session, serving);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or ConnectionAbortedException)
        {
            LogNoTls(connection.RemoteEndPoint, e.InnerException?.Message ?? e.Message);
            connection.Abort();
            await connection.DisposeAsync();
        }
    }

    private async Task RunAsync(ConnectionContext connection, IDuplexPipe transport, ClientSession session, Action<ClientConnection> serving)
    {
        var client = new ClientConnection(connection, transport, _handlers, _faults, session, _state.Options, _log);
        serving(client);
        await client.RunAsync();
    }

    [LoggerMessage(31, LogLevel.Warning, "{Client}: no TLS connection came about: {Reason}")]
    private partial void LogNoTls(EndPoint? client, string reason);

    [LoggerMessage(32, LogLevel.Warning, "Listening on {Address} without {Missing}: anybody who reaches this port can read and write everything")]
    private static partial void LogOpenToAll(ILogger log, IPAddress address, string missing);

    [LoggerMessage(30, LogLevel.Error, "A connection could not be accepted")]
    private partial void LogAcceptFailed(Exception e);
}
