using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Network;
using Tally.LocalBroker.Server.Security;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>A running broker. Dispose it to stop: connections are closed, everything is flushed, and a checkpoint is written.</summary>
public sealed partial class LocalBrokerServer : IAsyncDisposable
{
    private readonly BrokerState _state;
    private readonly SocketListener _listener;
    private readonly HandlerTable _handlers;
    private readonly FaultPlan _faults = new();
    private readonly Maintenance _maintenance;
    private readonly ConnectionTable _connections;
    private readonly Tls? _tls;
    private readonly SaslUsers? _users;
    private readonly ILogger _log;
    private readonly Task _accepting;
    private int _stopped;

    private LocalBrokerServer(BrokerState state, SocketListener listener, Tls? tls, SaslUsers? users)
    {
        (_state, _listener, _tls, _users) = (state, listener, tls, users);
        _state.Port = listener.EndPoint.Port;
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
            SocketListener listener = await SocketListener.BindAsync(options.Host, options.Port, cancellationToken);
            IPAddress address = listener.EndPoint.Address;
            if (!IPAddress.IsLoopback(address) && (tls is null || users is null))
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
        _listener.Dispose();
        await _accepting;
        await _connections.DisposeAsync();
        await _maintenance.DisposeAsync();
        await _state.DisposeAsync();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            ClientSocket? client;
            try
            {
                client = await _listener.AcceptAsync();
            }
            catch (SocketException e)
            {
                // Out of file descriptors, for one: what is connected goes on.
                LogAcceptFailed(e);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _state.Options.TimeProvider);
                continue;
            }

            if (client is null)
                return;
            _connections.Serve(client, serving => ServeAsync(client, serving));
        }
    }

    private async Task ServeAsync(ClientSocket client, Action<ClientConnection> serving)
    {
        var session = new ClientSession(_users);
        if (_tls is null)
        {
            await RunAsync(client, client.Stream, session, serving);
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(client.Closed);
        patience.CancelAfter(_state.Options.ClientPatience);
        SslStream stream;
        try
        {
            stream = await _tls.AcceptAsync(client.Stream, patience.Token);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            LogNoTls(client.Remote, e.InnerException?.Message ?? e.Message);
            return;
        }

        await using (stream)
            await RunAsync(client, stream, session, serving);
    }

    private async Task RunAsync(ClientSocket client, Stream stream, ClientSession session, Action<ClientConnection> serving)
    {
        var connection = new ClientConnection(client, stream, _handlers, _faults, session, _state.Options, _log);
        serving(connection);
        await connection.RunAsync();
    }

    [LoggerMessage(31, LogLevel.Warning, "{Client}: no TLS connection came about (does the client set security.protocol to SSL or SASL_SSL, and know the CA?): {Reason}")]
    private partial void LogNoTls(EndPoint? client, string reason);

    [LoggerMessage(32, LogLevel.Warning, "Listening on {Address} without {Missing}: anybody who reaches this port can read and write everything")]
    private static partial void LogOpenToAll(ILogger log, IPAddress address, string missing);

    [LoggerMessage(30, LogLevel.Error, "A connection could not be accepted")]
    private partial void LogAcceptFailed(Exception e);
}
