using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Server.Security;

namespace Tally.LocalBroker.Handlers;

/// <summary>Logging in. Until it succeeds a connection may ask for nothing but ApiVersions.</summary>
internal sealed partial class SaslHandlers(ILogger log)
{
    private const string Refusal = "The user name or the password is wrong.";

    public static WireWriter Handshake(RequestContext context)
    {
        WireReader reader = context.Reader();
        bool known = Key17SaslHandshake.Read(ref reader) == SaslUsers.Mechanism;
        context.Session.TokenExpected = known;
        context.Session.TokenIsBare = known && context.Version == 0;
        WireWriter response = context.StartResponse();
        Key17SaslHandshake.Write(response, known ? ErrorCode.None : ErrorCode.UnsupportedSaslMechanism, SaslUsers.Mechanism);
        return response;
    }

    public WireWriter Authenticate(RequestContext context)
    {
        WireReader reader = context.Reader();
        byte[] token = Key36SaslAuthenticate.Read(ref reader);
        (ErrorCode error, string? message) = context.Session.TokenExpected
            ? LetIn(context.Session, token, context.ClientHost) ? (ErrorCode.None, (string?)null) : (ErrorCode.SaslAuthenticationFailed, Refusal)
            : (ErrorCode.IllegalSaslState, "SaslHandshake comes first.");
        WireWriter response = context.StartResponse();
        Key36SaslAuthenticate.Write(response, context.Version, error, message);
        return response;
    }

    /// <summary>Holds a token against the users; one attempt for each handshake.</summary>
    public bool LetIn(ClientSession session, ReadOnlySpan<byte> token, string client)
    {
        session.TokenExpected = session.TokenIsBare = false;
        session.IsLetIn = session.Users?.Accepts(token) == true;
        if (!session.IsLetIn)
            LogRefused(client);
        return session.IsLetIn;
    }

    [LoggerMessage(23, LogLevel.Warning, "{Client}: login refused, the user name or the password is wrong")]
    private partial void LogRefused(string client);
}
