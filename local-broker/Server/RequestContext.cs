using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Security;

namespace Tally.LocalBroker.Server;

/// <summary>One request on its way: its frame, who sent it, and how its answer begins.</summary>
internal sealed class RequestContext(RequestHeader header, Memory<byte> frame, int bodyStart, ApiRange range, string clientHost, ClientSession session, CancellationToken closed)
{
    public RequestHeader Header { get; } = header;

    public short Version => Header.Version;

    /// <summary>The request body. It may be written to: batches get their offsets in place.</summary>
    public Memory<byte> Body { get; } = frame[bodyStart..];

    public string ClientHost { get; } = clientHost;

    public ClientSession Session { get; } = session;

    /// <summary>Ends when the connection does.</summary>
    public CancellationToken Closed { get; } = closed;

    public WireReader Reader() => new(Body.Span) { Flexible = range.IsFlexible(Version) };

    /// <summary>A writer that stands behind the response header; the frame's length is filled in when it is sent.</summary>
    public WireWriter StartResponse(int capacity = 512)
    {
        bool flexible = range.IsFlexible(Version);
        var writer = new WireWriter(capacity);
        writer.ReserveInt32();
        writer.WriteInt32(Header.CorrelationId);
        writer.Flexible = flexible;
        // The answer to ApiVersions always has the oldest header: the client does not know yet what the broker speaks.
        if (Header.Key != ApiKey.ApiVersions)
            writer.WriteTags();
        return writer;
    }
}
