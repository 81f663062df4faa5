using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Server;

/// <summary>Carries out one request; null means that it has no answer.</summary>
internal delegate ValueTask<WireWriter?> RequestHandler(RequestContext request);

/// <summary>Which handler serves which key. ApiVersions is answered from here, so the broker cannot offer what it does not handle.</summary>
internal sealed class HandlerTable
{
    private readonly Dictionary<ApiKey, (ApiRange Range, RequestHandler Handler)> _handlers = [];

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

    public bool TryFind(ApiKey key, out ApiRange range, out RequestHandler handler)
    {
        bool found = _handlers.TryGetValue(key, out (ApiRange Range, RequestHandler Handler) entry);
        (range, handler) = entry;
        return found;
    }
}
