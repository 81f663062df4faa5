using System.Collections.Concurrent;
using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>Posts events with many connections, as clients would that retry under the same id until they get a 204.</summary>
public sealed class Poster(Pipeline pipeline)
{
    private readonly ConcurrentDictionary<HttpStatusCode, int> _answers = new();
    private int _withoutRetryAfter;
    private int _broken;

    /// <summary>How often each status was answered.</summary>
    public IReadOnlyDictionary<HttpStatusCode, int> Answers => _answers;

    /// <summary>503 without Retry-After: must stay 0.</summary>
    public int WithoutRetryAfter => _withoutRetryAfter;

    public int BrokenConnections => _broken;

    public int Accepted => _answers.GetValueOrDefault(HttpStatusCode.NoContent);

    /// <summary>One attempt.</summary>
    /// <returns>The status, or null when the connection broke, so that nobody knows what became of the event.</returns>
    public async Task<HttpStatusCode?> PostAsync(PostedEvent e, CancellationToken cancellation = default)
    {
        try
        {
            using var answer = await pipeline.Http.PostAsync(pipeline.CommandAt(e.PathAndQuery), null, cancellation);
            _answers.AddOrUpdate(answer.StatusCode, 1, (_, n) => n + 1);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter is null) Interlocked.Increment(ref _withoutRetryAfter);
            return answer.StatusCode;
        }
        catch (Exception e2) when (e2 is HttpRequestException or IOException || e2 is TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            Interlocked.Increment(ref _broken);
            return null;
        }
    }

    /// <summary>Posts until 204, pausing a little between attempts. Only for events with an id.</summary>
    public async Task PostUntilAcceptedAsync(PostedEvent e, CancellationToken cancellation)
    {
        while (true)
        {
            var status = await PostAsync(e, cancellation);
            if (status == HttpStatusCode.NoContent) return;
            if (status is not null and not HttpStatusCode.ServiceUnavailable) Assert.Fail($"POST {e.PathAndQuery} was answered {status}.");
            await Task.Delay(100, cancellation);
        }
    }

    /// <summary>Posts all, <paramref name="connections"/> at a time; every answer must be 204.</summary>
    public Task PostAllAsync(IEnumerable<PostedEvent> events, int connections) =>
        Parallel.ForEachAsync(events, new ParallelOptions { MaxDegreeOfParallelism = connections }, async (e, token) =>
        {
            var status = await PostAsync(e, token);
            if (status != HttpStatusCode.NoContent) Assert.Fail($"POST {e.PathAndQuery} was answered {status?.ToString() ?? "with a broken connection"}.");
        });
}
