using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Tally.QueryService.Colours;

/// <summary>
/// Finds the processor that has the colours, beginning with the one that had them last. A name may stand for several (those of a scaled service): each of its addresses is asked.
/// </summary>
public sealed class ColourSource : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(1) });
    private readonly Uri[] _processors;
    private readonly TimeSpan _timeout;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    private volatile Uri? _last;

    public ColourSource(IOptions<ColourOptions> options)
        : this(options.Value, Dns.GetHostAddressesAsync)
    {
    }

    /// <param name="options">Where the processors are.</param>
    /// <param name="resolve">Addresses of a name.</param>
    public ColourSource(ColourOptions options, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        _processors = [.. options.Processors.Split(',').Select(address => new Uri(address))];
        (_timeout, _resolve) = (options.Timeout, resolve);
    }

    /// <returns>Its answer, headers read; null when none has them.</returns>
    public async Task<HttpResponseMessage?> AskAsync(string pathAndQuery, CancellationToken cancellation)
    {
        var last = _last;
        if (last is not null && await TryAskAsync(last, pathAndQuery, cancellation) is { } known) return known;
        foreach (var processor in _processors)
        {
            foreach (var address in await AddressesAsync(processor, cancellation))
            {
                if (address == last || await TryAskAsync(address, pathAndQuery, cancellation) is not { } answer) continue;
                _last = address;
                return answer;
            }
        }
        return null;
    }

    public void Dispose() => _http.Dispose();

    private async Task<Uri[]> AddressesAsync(Uri processor, CancellationToken cancellation)
    {
        // A certificate is made out to the name.
        if (processor.HostNameType != UriHostNameType.Dns || processor.Scheme != Uri.UriSchemeHttp) return [processor];
        try
        {
            return [.. (await _resolve(processor.Host, cancellation)).Select(address => new UriBuilder(processor) { Host = address.ToString() }.Uri)];
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private async Task<HttpResponseMessage?> TryAskAsync(Uri processor, string pathAndQuery, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_timeout);
        try
        {
            var answer = await _http.GetAsync(new Uri(processor.GetLeftPart(UriPartial.Authority) + pathAndQuery), HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest) return answer;
            answer.Dispose();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            // It may be the others that have them.
        }
        return null;
    }
}
