using Microsoft.Extensions.Logging.Abstractions;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>A reader over two fake sources and a clock that stands still.</summary>
public sealed class ReaderFixture : IDisposable
{
    public const long Hour = 494_000;

    public ReaderFixture(Action<QueryOptions>? set = null)
    {
        set?.Invoke(Options);
        var options = Microsoft.Extensions.Options.Options.Create(Options);
        Sources = new HourSources(
            Guard(Redis, new SourceLimits(Options.RedisTimeout, Options.RedisConcurrency, Options.RedisQueue, Options.BreakFor)),
            Guard(Archive, new SourceLimits(Options.ArchiveTimeout, Options.ArchiveConcurrency, Options.ArchiveQueue, Options.BreakFor)));
        Refills = new RefillQueue(Refill, options, Clock, NullLogger<RefillQueue>.Instance);
        Reader = new HourReader(Sources, Refills, options, Clock);
    }

    public QueryOptions Options { get; } = new();
    public ManualTimeProvider Clock { get; } = new();
    public FakeSource Redis { get; } = new("redis");
    public FakeSource Archive { get; } = new("archive");
    public FakeRefill Refill { get; } = new();
    public HourSources Sources { get; }
    public RefillQueue Refills { get; }
    public HourReader Reader { get; }

    /// <summary>Progress of two partitions, both as of <paramref name="age"/> ago.</summary>
    public SourceProgress Progress(long offset, TimeSpan age, int generation = 1) => Progress((offset, age), (offset, age), generation);

    public SourceProgress Progress((long Offset, TimeSpan Age) first, (long Offset, TimeSpan Age)? second, int generation = 1)
    {
        var known = new List<PartitionProgress> { new(generation, 0, first.Offset, Clock.NowMs - (long)first.Age.TotalMilliseconds, 0) };
        if (second is { } s) known.Add(new(generation, 1, s.Offset, Clock.NowMs - (long)s.Age.TotalMilliseconds, 0));
        return new SourceProgress(2, known);
    }

    /// <summary>As an endpoint asks: memory first.</summary>
    public async Task<RememberedAnswer?> GetAsync(long hour = Hour) =>
        Reader.TryFind(hour, out var answer) ? answer : await Reader.ReadAsync(hour, CancellationToken.None).WaitAsync(Eventually.Patience);

    /// <summary>So that memory answers no longer.</summary>
    public void Expire() => Clock.Advance(2 * Options.CacheFor + TimeSpan.FromMilliseconds(1));

    public void Dispose()
    {
        Sources.Redis.Dispose();
        Sources.Archive.Dispose();
        Refills.Dispose();
    }

    private GuardedSource Guard(FakeSource source, SourceLimits limits) =>
        new(source, source.Name, limits, Clock, NullLogger<GuardedSource>.Instance);
}
