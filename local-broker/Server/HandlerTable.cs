using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Security;

namespace Tally.LocalBroker.Server;

/// <summary>Carries out one request; null means that it has no answer.</summary>
internal delegate ValueTask<WireWriter?> RequestHandler(RequestContext request);

/// <summary>Holds a login token of a client against the users; true when it is let in.</summary>
internal delegate bool LoginToken(ClientSession session, ReadOnlySpan<byte> token, string client);

/// <summary>Which handler serves which key. ApiVersions is answered from here, so the broker cannot offer what it does not handle.</summary>
internal sealed class HandlerTable
{
    private readonly Dictionary<ApiKey, (ApiRange Range, RequestHandler Handler)> _handlers = [];

    /// <summary>Takes a login token that comes bare; null where nobody logs in.</summary>
    public LoginToken? LetIn { get; set; }

    public IReadOnlyCollection<ApiRange> Ranges => [.. _handlers.Values.Select(h => h.Range).OrderBy(r => r.Key)];

    public void Register(ApiRange range, RequestHandler handler)
    {
        if (range.Min > range.Max)
            throw new ArgumentException($"{range.Key} is registered backwards.", nameof(range));
        if (!_handlers.TryAdd(range.Key, (range, handler)))
            throw new ArgumentException($"{range.Key} is registered twice.", nameof(range));
    }

    /// <summary>Registers a handler that answers at once.</summary>
    public void Register(ApiRange range, Func<RequestContext, WireWriter> handler) =>
        Register(range, request => ValueTask.FromResult<WireWriter?>(handler(request)));

    /// <summary>Registers a handler that may work on files for long: on the pool, since the thread that read the request serves other connections too.</summary>
    public void RegisterLong(ApiRange range, Func<RequestContext, WireWriter> handler) =>
        Register(range, async request => await Task.Run(() => handler(request)));

    public bool TryFind(ApiKey key, out ApiRange range, out RequestHandler handler)
    {
        bool found = _handlers.TryGetValue(key, out (ApiRange Range, RequestHandler Handler) entry);
        (range, handler) = entry;
        return found;
    }
}
