using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Tally.QueryService.Http;

namespace Tally.QueryService.Reading;

/// <summary>
/// Bounds the answers that are streamed a page at a time: each holds a page for as long as its reader takes over it. One that takes less than
/// <c>Query:MinStreamRate</c> is broken off, so that nobody keeps a place by taking nothing.
/// </summary>
public sealed class StreamedAnswers(IOptions<QueryOptions> options)
{
    private const int RetryAfterSeconds = 5;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private static readonly Problem TooMany = new(StatusCodes.Status503ServiceUnavailable, "too-many-streams", "Too many long answers.", null,
        "Query:MaxStreams ranges, sets of colours, lists of flows and of frames are being sent. Ask again after Retry-After.");

    private readonly int _places = options.Value.MaxStreams;
    private readonly MinDataRate _rate = new(options.Value.MinStreamRate, Grace);
    private int _open;

    /// <summary>True while no other answer may begin: what would be read for one is read in vain.</summary>
    public bool IsFull => Volatile.Read(ref _open) >= _places;

    public static Task RefuseAsync(HttpContext context) => TooMany.WriteAsync(context, RetryAfterSeconds);

    /// <summary>Runs <paramref name="write"/>, which reads the pages and sends them; refuses with 503 when as many are at it as may.</summary>
    public async Task WriteAsync(HttpContext context, Func<Task> write)
    {
        try
        {
            if (Interlocked.Increment(ref _open) > _places)
            {
                await RefuseAsync(context);
                return;
            }
            if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } slow) slow.MinDataRate = _rate;
            await write();
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}
