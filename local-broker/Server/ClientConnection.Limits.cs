using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Network;

namespace Tally.LocalBroker.Server;

/// <summary>What a connection may not do for ever, how old clients log in, and what is said about it.</summary>
internal sealed partial class ClientConnection
{
    /// <summary>Why the connection should be closed now, null while it is as it should be.</summary>
    public string? Overdue()
    {
        if (IsOver(Volatile.Read(ref _writingSince), options.ClientPatience))
            return "the client does not take its answers";
        if (IsOver(Volatile.Read(ref _frameSince), options.ClientPatience))
            return "a request was begun and not completed";
        if (Volatile.Read(ref _pending) == 0 && IsOver(Volatile.Read(ref _readingSince), session.IsLetIn ? options.ConnectionIdleMax : options.ClientPatience))
            return "it was silent for too long";
        return null;
    }

    private bool IsOver(long since, TimeSpan limit) => since != 0 && options.TimeProvider.GetElapsedTime(since) > limit;

    // As older clients log in: no head, and an empty frame as the answer.
    private bool TakeBareToken(Frame frame)
    {
        using (frame)
        {
            if (!handlers.LetIn!(session, frame.Memory.Span, _clientHost))
                return false;
        }

        var empty = new WireWriter();
        empty.ReserveInt32();
        Send(ValueTask.FromResult<WireWriter?>(empty), null);
        return true;
    }

    [LoggerMessage(20, LogLevel.Warning, "{Client}: a malformed request closes the connection: {Reason}")]
    private partial void LogMalformed(string client, string reason);

    [LoggerMessage(21, LogLevel.Warning, "{Client}: request {Key} version {Version} is not supported; the connection is closed")]
    private partial void LogUnsupported(string client, ApiKey key, short version);

    [LoggerMessage(24, LogLevel.Warning, "{Client}: {Key} before a login closes the connection")]
    private partial void LogNotLoggedIn(string client, ApiKey key);

    [LoggerMessage(22, LogLevel.Error, "{Client}: a request failed unexpectedly; the connection is closed")]
    private partial void LogFailed(Exception e, string client);
}
