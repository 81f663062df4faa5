using System.ComponentModel.DataAnnotations;

namespace Tally.QueryService.Reading;

/// <summary>Section <c>Query</c>: how hours are read, remembered and marked.</summary>
public sealed class QueryOptions
{
    public const string Section = "Query";

    /// <summary>How long an answer is given again without asking, 0 to 5 s; it may be twice this old while a newer one is on its way.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:05", ErrorMessage = "Query:CacheFor must be from 0 to 5 seconds.")]
    public TimeSpan CacheFor { get; set; } = TimeSpan.FromMilliseconds(40);

    /// <summary>An answer as of longer ago is marked <c>Tally-Stale</c>; 2 s to 1 hour, since an idle stream reports each second.</summary>
    [Range(typeof(TimeSpan), "00:00:02", "01:00:00", ErrorMessage = "Query:FreshWithin must be from 2 seconds to 1 hour.")]
    public TimeSpan FreshWithin { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a read waits for Redis and the archive where the hour was answered before, 10 ms to 60 s: then the last answer is given once more, marked when
    /// older than <see cref="FreshWithin"/>, while the read goes on.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00", ErrorMessage = "Query:LastAnswerAfter must be from 10 ms to 60 seconds.")]
    public TimeSpan LastAnswerAfter { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Requests at work at once, 1 to 1,000,000, reads that wait for a position among them; one more is answered 503.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Query:MaxRequests must be from 1 to 1000000.")]
    public int MaxRequests { get; set; } = 5_000;

    /// <summary>An hour counts as closed so long after its end, 0 to 1 day: then others may keep its answer for <see cref="MaxAge"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ErrorMessage = "Query:ClosedAfter must be from 0 to 1 day.")]
    public TimeSpan ClosedAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary><c>max-age</c> of a closed hour, 0 to 30 days: so long clients and caches may give the numbers without a late event.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "30.00:00:00", ErrorMessage = "Query:MaxAge must be from 0 to 30 days.")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Hours remembered at once, 16 to 1,000,000; the one not asked for longest is forgotten first.</summary>
    [Range(16, 1_000_000, ErrorMessage = "Query:RememberedHours must be from 16 to 1000000.")]
    public int RememberedHours { get; set; } = 4096;

    /// <summary>Time limit of one read from Redis, 10 ms to 10 s; past it the archive is asked.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:00:10", ErrorMessage = "Query:RedisTimeout must be from 10 ms to 10 seconds.")]
    public TimeSpan RedisTimeout { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Reads from Redis at once, abandoned ones included, 1 to 10,000; others wait.</summary>
    [Range(1, 10_000, ErrorMessage = "Query:RedisConcurrency must be from 1 to 10000.")]
    public int RedisConcurrency { get; set; } = 64;

    /// <summary>Reads that may wait for Redis within <see cref="RedisTimeout"/>, 0 to 100,000; one more goes to the archive at once.</summary>
    [Range(0, 100_000, ErrorMessage = "Query:RedisQueue must be from 0 to 100000.")]
    public int RedisQueue { get; set; } = 256;

    /// <summary>Time limit of one read from the archive, 10 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00", ErrorMessage = "Query:ArchiveTimeout must be from 10 ms to 60 seconds.")]
    public TimeSpan ArchiveTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Reads from the archive at once, abandoned ones included, 1 to 256; others wait.</summary>
    [Range(1, 256, ErrorMessage = "Query:ArchiveConcurrency must be from 1 to 256.")]
    public int ArchiveConcurrency { get; set; } = 8;

    /// <summary>Reads that may wait for the archive, 0 to 100,000; one more is not answered by it.</summary>
    [Range(0, 100_000, ErrorMessage = "Query:ArchiveQueue must be from 0 to 100000.")]
    public int ArchiveQueue { get; set; } = 1024;

    /// <summary>
    /// Ranges, sets of colours, lists of flows and of frames being sent at once, 1 to 10,000; one more is answered 503. Each holds a page in memory, about 1 MB, for as
    /// long as its reader takes over it.
    /// </summary>
    [Range(1, 10_000, ErrorMessage = "Query:MaxStreams must be from 1 to 10000.")]
    public int MaxStreams { get; set; } = 64;

    /// <summary>Bytes a second that the reader of such an answer has to take, 240 to 10,000,000; a slower one is broken off.</summary>
    [Range(240, 10_000_000, ErrorMessage = "Query:MinStreamRate must be from 240 to 10000000.")]
    public int MinStreamRate { get; set; } = 16_384;

    /// <summary>
    /// Pages of ranges, flows and frames read from the archive at once, 1 to 64; others wait up to <see cref="ArchiveTimeout"/>. Fewer than
    /// <c>Archive:MaxReads</c> leave room for single hours.
    /// </summary>
    [Range(1, 64, ErrorMessage = "Query:PageConcurrency must be from 1 to 64.")]
    public int PageConcurrency { get; set; } = 2;

    /// <summary>Rows of flows read from the archive at once, 1 to 50,000; an answer holds a page in memory, whatever its length.</summary>
    [Range(1, 50_000, ErrorMessage = "Query:FlowPageRows must be from 1 to 50000.")]
    public int FlowPageRows { get; set; } = 2000;

    /// <summary>Windows of frames read from the archive at once, 1 to 50,000; an answer holds a page in memory, whatever its length.</summary>
    [Range(1, 50_000, ErrorMessage = "Query:FramePageRows must be from 1 to 50000.")]
    public int FramePageRows { get; set; } = 2000;

    /// <summary>How long a source that failed is left alone before one read tries it again, 500 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.5", "00:01:00", ErrorMessage = "Query:BreakFor must be from 500 ms to 60 seconds.")]
    public TimeSpan BreakFor { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Pause before a refill of Redis is tried again, 10 ms to 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:00:10", ErrorMessage = "Query:RefillEvery must be from 10 ms to 10 seconds.")]
    public TimeSpan RefillEvery { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long a refill is tried again, 0 to 10 minutes; the next miss begins another.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00", ErrorMessage = "Query:RefillFor must be from 0 to 10 minutes.")]
    public TimeSpan RefillFor { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Refills pending at once, each of another hour, 1 to 100,000; further misses are only answered.</summary>
    [Range(1, 100_000, ErrorMessage = "Query:RefillQueue must be from 1 to 100000.")]
    public int RefillQueue { get; set; } = 1024;

    /// <summary>Refills at work at once, 1 to 64.</summary>
    [Range(1, 64, ErrorMessage = "Query:RefillConcurrency must be from 1 to 64.")]
    public int RefillConcurrency { get; set; } = 4;
}
