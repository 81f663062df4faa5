using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.QueryService.Analytics;
using Tally.QueryService.Positions;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>
/// Answers hours: from memory, else from Redis, else from the archive, else with what was answered last. An answer older than
/// <see cref="QueryOptions.FreshWithin"/>, or older than one already given for the hour, is marked stale; zeros nobody vouches for
/// are not given.
/// </summary>
public sealed class HourReader
{
    private readonly HourSources _sources;
    private readonly RefillQueue _refills;
    private readonly TimeProvider _clock;
    private readonly HourCache _cache;
    private readonly long _freshWithinMs;
    private readonly long _cacheFor;
    private readonly TimeSpan _lastAfter;
    private readonly long _closedAfterMs;
    private readonly long _frequency;

    public HourReader(HourSources sources, RefillQueue refills, IOptions<QueryOptions> options, TimeProvider clock)
    {
        _sources = sources;
        _refills = refills;
        _clock = clock;
        _cache = new HourCache(options.Value.RememberedHours);
        _freshWithinMs = (long)options.Value.FreshWithin.TotalMilliseconds;
        _closedAfterMs = (long)options.Value.ClosedAfter.TotalMilliseconds;
        ClosedCacheControl = string.Create(CultureInfo.InvariantCulture, $"public, max-age={(long)options.Value.MaxAge.TotalSeconds}");
        _frequency = clock.TimestampFrequency;
        _cacheFor = (long)(options.Value.CacheFor.TotalSeconds * _frequency);
        _lastAfter = options.Value.LastAnswerAfter;
    }

    /// <summary><c>Cache-Control</c> of an answer that is <see cref="RememberedAnswer.Closed"/>.</summary>
    public string ClosedCacheControl { get; }

    /// <summary>Hours remembered now.</summary>
    public int Remembered => _cache.Count;

    /// <summary>A hit: an answer that is still good. Allocates nothing; begins a read ahead when the answer is about to expire.</summary>
    public bool TryFind(long hour, [NotNullWhen(true)] out RememberedAnswer? answer)
    {
        answer = null;
        if (!_cache.TryFind(hour, out var entry) || entry.Current is not { } current) return false;
        var now = _clock.GetTimestamp();
        if (now >= current.ServeUntil) return false;
        entry.LastAsked = now;
        answer = current;
        if (now >= current.ExpiresAt) Join(entry);
        return true;
    }

    /// <summary>
    /// Reads the hour, together with everybody else who asks for it now. When that takes longer than <see cref="QueryOptions.LastAnswerAfter"/> the last
    /// answer is given once more, if there is one, and the read goes on.
    /// </summary>
    /// <returns>Null when nothing is left that could answer.</returns>
    public async Task<RememberedAnswer?> ReadAsync(long hour, CancellationToken cancellation)
    {
        while (true)
        {
            var entry = _cache.FindOrAdd(hour);
            entry.LastAsked = _clock.GetTimestamp();
            if (Join(entry) is { } loading) return await loading.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Reads the hour anew from a source that has come as far as <paramref name="positions"/>, as <see cref="PositionWatch"/> told that there is one.
    /// </summary>
    /// <returns>What <see cref="ReadAsync"/> would give when there is none after all.</returns>
    public async Task<RememberedAnswer?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation)
    {
        RememberedAnswer? answer = null;
        // A read that was under way may have begun before.
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var entry = _cache.FindOrAdd(hour);
            entry.LastAsked = _clock.GetTimestamp();
            if (Join(entry, positions) is not { } loading) continue;
            answer = await loading.WaitAsync(cancellation).ConfigureAwait(false);
            if (answer is not null && positions.ReachedBy(answer.Answer.Progress)) return answer;
        }
        return answer;
    }

    /// <summary>Age in ms to mark an answer with.</summary>
    public long AgeMs(HourAnswer answer) => Math.Max(1, NowMs - answer.AsOfMs);

    private long NowMs => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The read under way, or a new one; null when the entry was forgotten meanwhile.</summary>
    /// <param name="entry">The hour.</param>
    /// <param name="wanted">When given, what is remembered serves only if it has come so far.</param>
    private Task<RememberedAnswer?>? Join(HourEntry entry, PositionSet? wanted = null)
    {
        var read = new HourRead();
        lock (entry)
        {
            if (entry.Forgotten) return null;
            // A read may have ended between the caller's look and this lock.
            if (entry.Loading is null && entry.Current is { } current && _clock.GetTimestamp() < current.ExpiresAt
                && wanted?.ReachedBy(current.Answer.Progress) != false) return Task.FromResult<RememberedAnswer?>(current);
            if (wanted is null && entry.Loading?.IsOverdue == true) return Task.FromResult<RememberedAnswer?>(LastAgain(entry));
            entry.Wanted = PositionSet.Union(entry.Wanted, wanted);
            if (entry.Loading is { } underWay) return wanted is null ? underWay.Answered : underWay.Ended;
            entry.Loading = read;
        }
        _ = LoadAsync(entry, read);
        return wanted is null ? read.Answered : read.Ended;
    }

    private async Task LoadAsync(HourEntry entry, HourRead read)
    {
        try
        {
            var asking = AskAsync(entry);
            await using var patience = asking.IsCompleted || entry.Current is null
                ? null
                : _clock.CreateTimer(_ => GiveLastMeanwhile(entry, read), null, _lastAfter, Timeout.InfiniteTimeSpan);
            var answer = await asking.ConfigureAwait(false);
            lock (entry)
            {
                if (answer is not null)
                {
                    entry.Floor = entry.Floor.Raise(answer.Answer.Counts, answer.Answer.Progress);
                    entry.Current = answer;
                }
                entry.Loading = null;
            }
            read.End(answer);
        }
        catch (Exception e)
        {
            lock (entry) entry.Loading = null;
            read.Fail(e);
        }
    }

    private void GiveLastMeanwhile(HourEntry entry, HourRead read)
    {
        lock (entry)
        {
            if (entry.Loading == read) read.GiveMeanwhile(LastAgain(entry));
        }
    }

    /// <summary>What was given last, judged by its age now; under the entry's lock.</summary>
    private RememberedAnswer LastAgain(HourEntry entry)
    {
        var (last, now) = (entry.Current!, _clock.GetTimestamp());
        if (now < last.ExpiresAt) return last;
        var candidate = new Candidate(last.Answer, AnswerLayer.Stale);
        return entry.Current = IsGood(candidate, entry)
            ? Remember(entry, candidate with { Layer = AnswerLayer.Memory }, stale: false, now)
            : Remember(entry, candidate, stale: true, now);
    }

    private async Task<RememberedAnswer?> AskAsync(HourEntry entry)
    {
        var begun = _clock.GetTimestamp();
        var wanted = TakeWanted(entry);
        var redis = await _sources.Redis.TryReadAsync(entry.Hour, CancellationToken.None).ConfigureAwait(false);
        var fromRedis = redis is { State: HourState.Complete } ? From(entry, redis, AnswerLayer.Redis) : null;
        if (IsGood(fromRedis, entry) && Reaches(fromRedis, wanted)) return Remember(entry, fromRedis, stale: false, begun);

        var archive = await _sources.Archive.TryReadAsync(entry.Hour, CancellationToken.None).ConfigureAwait(false);
        // An hour nobody has events of is brought into Redis only when it is asked for again: a scan over hours must not fill it.
        if (redis is { State: not HourState.Complete } && archive is not null
            && (redis.State == HourState.Incomplete || archive.State == HourState.Complete || entry.Current is not null)) _refills.Offer(entry.Hour);
        var fromArchive = archive is { State: not HourState.Incomplete } ? From(entry, archive, AnswerLayer.Archive) : null;
        if (IsGood(fromArchive, entry) && Reaches(fromArchive, wanted)) return Remember(entry, fromArchive, stale: false, begun);

        // What was answered last may be further than a source that is just catching up, and fresh still.
        var last = entry.Current is { } current ? new Candidate(current.Answer, AnswerLayer.Stale) : null;
        if (IsGood(last, entry) && Reaches(last, wanted)) return Remember(entry, last with { Layer = AnswerLayer.Memory }, stale: false, begun);

        // What was wanted is in none that is fresh: an old one that has it, else the order of every read.
        Candidate?[] all = [fromRedis, fromArchive, last];
        if (wanted is not null && NewestOf(all.Where(c => c is not null && Reaches(c, wanted))) is { } reached) return Remember(entry, reached, stale: true, begun);
        if (all.FirstOrDefault(c => IsGood(c, entry)) is { } good) return Remember(entry, good, stale: false, begun);
        return NewestOf([last, fromArchive, fromRedis]) is { } newest ? Remember(entry, newest, stale: true, begun) : null;
    }

    private static PositionSet? TakeWanted(HourEntry entry)
    {
        lock (entry)
        {
            var wanted = entry.Wanted;
            entry.Wanted = null;
            return wanted;
        }
    }

    private static bool Reaches(Candidate candidate, PositionSet? wanted) => wanted?.ReachedBy(candidate.Answer.Progress) != false;

    /// <summary>Of equally old ones the first.</summary>
    private static Candidate? NewestOf(IEnumerable<Candidate?> candidates) => candidates.OfType<Candidate>().MaxBy(c => c.Answer.AsOfMs);

    /// <summary>No events and a partition of which nothing is known: that says nothing.</summary>
    private static Candidate? From(HourEntry entry, HourReading reading, AnswerLayer layer) =>
        reading.Counts == default && !reading.Progress.Complete
            ? null
            : new Candidate(new HourAnswer(entry.Hour, reading.Counts, reading.Progress, reading.CountedTo), layer);

    private bool IsGood([NotNullWhen(true)] Candidate? candidate, HourEntry entry) =>
        candidate is not null
        && NowMs - candidate.Answer.AsOfMs <= _freshWithinMs
        && entry.Floor.Allows(candidate.Answer.Counts, candidate.Answer.Progress);

    private RememberedAnswer Remember(HourEntry entry, Candidate candidate, bool stale, long begun)
    {
        var until = begun + 2 * _cacheFor;
        // An answer that grows too old while it is remembered must be read anew, to be marked.
        if (!stale) until = Math.Min(until, _clock.GetTimestamp() + (candidate.Answer.AsOfMs + _freshWithinMs - NowMs) * _frequency / 1000);
        var closed = Hours.StartMs(entry.Hour + 1) + _closedAfterMs <= NowMs;
        return new RememberedAnswer(candidate.Answer, candidate.Layer, stale, Math.Min(begun + _cacheFor, until), until, closed);
    }

    private sealed record Candidate(HourAnswer Answer, AnswerLayer Layer);
}
