namespace Tally.LocalBroker.Server.Security;

/// <summary>How far a connection's login has come. Without users everybody is let in.</summary>
internal sealed class ClientSession(SaslUsers? users)
{
    public SaslUsers? Users { get; } = users;

    public bool IsLetIn { get; set; } = users is null;

    /// <summary>A mechanism was agreed on, a token may follow.</summary>
    public bool TokenExpected { get; set; }

    /// <summary>The token comes bare in a frame of its own, as clients do that shake hands in version 0.</summary>
    public bool TokenIsBare { get; set; }
}
