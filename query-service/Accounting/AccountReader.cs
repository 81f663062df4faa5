using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Accounting;

/// <summary>Reads the progress records of every source, at most a few times a second whoever asks.</summary>
public sealed partial class AccountReader(
    IEnumerable<IProgressRecordSource> sources, IOptions<QueryOptions> options, TimeProvider clock, ILogger<AccountReader> logger) : IDisposable
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromMilliseconds(200);

    private readonly IProgressRecordSource[] _sources = [.. sources];
    private readonly SemaphoreSlim _one = new(1);
    private IReadOnlyList<Account>? _last;
    private long _readAt;

    /// <returns>One account a job, the hourly analytics first.</returns>
    public async Task<IReadOnlyList<Account>> ReadAsync(CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_last is not null && clock.GetElapsedTime(_readAt) < KeptFor) return _last;
            var records = await Task.WhenAll(_sources.Select(source => ReadAsync(source, cancellation))).ConfigureAwait(false);
            _readAt = clock.GetTimestamp();
            return _last = [.. _sources.Zip(records).GroupBy(s => s.First.Job, s => s.Second).Select(job => new Account(job.Key, [.. job]))];
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<SourceRecords> ReadAsync(IProgressRecordSource source, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.Value.ArchiveTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return new SourceRecords(source.Name, await source.ReadRecordsAsync(either.Token).WaitAsync(either.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            NoRecords(logger, source.Name, e.Message);
            return new SourceRecords(source.Name, null);
        }
    }

    [LoggerMessage(EventId = 4121, Level = LogLevel.Debug, Message = "{Source} gave no progress records: {Reason}")]
    private static partial void NoRecords(ILogger logger, string source, string reason);
}
