using Microsoft.Extensions.Options;

namespace Tally.QueryService.Reading;

/// <summary>Reads of pages from the archive, of ranges, flows and frames alike: a bounded number at once, which leaves room for single hours, each within a time limit.</summary>
public sealed class PageReads(IOptions<QueryOptions> options, TimeProvider clock) : IDisposable
{
    private readonly SemaphoreSlim _places = new(options.Value.PageConcurrency);

    /// <summary>Reads once.</summary>
    /// <exception cref="OperationCanceledException">Not within <c>Query:ArchiveTimeout</c>, the wait for a place included.</exception>
    public async Task<T> OnceAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.Value.ArchiveTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        await _places.WaitAsync(either.Token).ConfigureAwait(false);
        try
        {
            return await read(either.Token).ConfigureAwait(false);
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose() => _places.Dispose();
}
