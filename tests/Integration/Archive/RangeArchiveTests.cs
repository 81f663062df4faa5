using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.Archive;

/// <summary>Days, and sketches of hours, days and months, on each database, against sums and sets made by hand.</summary>
public sealed class RangeArchiveTests(string system) : EachDatabase(system)
{
    private const string SketchTopic = "analytics.sketches";

    // 2026-01-31T00Z: two days of January, the others of February.
    private const long Begin = 24 * 20_484;

    [Test]
    public async Task Days_are_the_sums_of_their_hours_whatever_comes_again_or_late([Values(1, 2, 3)] int seed)
    {
        await using var archive = await CreateArchiveAsync();
        var random = new Random(seed);
        var newest = new Dictionary<(long Hour, int Partition), HourPartial>();
        for (var at = 0; at < 60; at++)
        {
            var partition = random.Next(2);
            var partials = Enumerable.Range(0, random.Next(1, 6)).Select(_ => Begin + random.Next(60)).Distinct().Select(hour =>
            {
                var was = newest.GetValueOrDefault((hour, partition)) ?? new HourPartial();
                // Now and then an older version again, which changes nothing.
                var offset = random.Next(4) == 0 ? Math.Max(0, was.NextOffset - 1) : at + 1;
                return Partial(hour, partition, offset, was.Clicks + random.Next(5), was.Impressions + random.Next(5), was.UniqueUsers + random.Next(3));
            }).ToArray();
            foreach (var partial in partials)
                if (!newest.TryGetValue((partial.Hour, partition), out var was) || partial.NextOffset > was.NextOffset) newest[(partial.Hour, partition)] = partial;
            Assert.That((await archive.Store.WriteAsync(Batch(partition, 0, at + 1, [.. partials]), CancellationToken.None)).Applied, Is.True);
        }

        var days = await archive.Ranges.ReadCountsAsync(1, new SpanRun(SpanKind.Day, Begin, Begin + 72), CancellationToken.None);
        var expected = newest.Values.GroupBy(p => (Start: p.Hour / 24 * 24, p.Partition)).OrderBy(g => g.Key).Select(g => new SpanCounts(
            g.Key.Start, g.Key.Partition, g.Sum(p => p.Clicks), g.Sum(p => p.Impressions),
            new SpanUsers(g.Sum(p => p.UniqueUsers), g.Max(p => p.UniqueUsers), g.Count(p => p.UniqueUsers > 0), 0, 0, 0)));
        Assert.That(days, Is.EqualTo(expected), $"seed {seed}");
    }

    [Test]
    public async Task Days_and_months_hold_the_union_of_their_hours_whatever_comes_again_or_late([Values(1, 2)] int seed)
    {
        await using var archive = await CreateArchiveAsync();
        var random = new Random(seed);
        var users = new Dictionary<(long Hour, int Partition), List<UInt128>>();
        for (var at = 0; at < 25; at++)
        {
            var partition = random.Next(2);
            var batch = Enumerable.Range(0, random.Next(1, 5)).Select(_ => Begin + random.Next(60)).Distinct().Select(hour =>
            {
                if (!users.TryGetValue((hour, partition), out var known)) users.Add((hour, partition), known = []);
                var before = Sketch(hour, partition, known.Count == 0 ? 0 : at, known);
                if (known.Count > 0 && random.Next(4) == 0)
                {
                    before.NextOffset = 0;
                    return before;
                }
                // Users come back in other hours; now and then enough for registers.
                for (var more = random.Next(3) == 0 ? 3_000 : random.Next(1, 20); more > 0; more--) known.Add(Hash(random.Next(6_000), partition));
                users[(hour, partition)] = known = [.. known.Distinct()];
                return Sketch(hour, partition, at + 1, known);
            }).ToArray();
            await WriteAsync(archive, partition, at + 1, batch);
        }

        foreach (var kind in new[] { SpanKind.Hour, SpanKind.Day, SpanKind.Month })
        {
            var stored = await ReadAllAsync(archive, new SpanRun(kind, SketchSpans.Start(kind, Begin), Begin + (31 * 24)));
            var expected = users.GroupBy(u => (Start: SketchSpans.Start(kind, u.Key.Hour), u.Key.Partition)).OrderBy(g => g.Key).ToList();
            Assert.That(stored.Select(s => (s.Start, s.Partition)), Is.EqualTo(expected.Select(g => g.Key)), $"seed {seed}, {kind}");
            foreach (var (sketch, hours) in stored.Zip(expected))
            {
                Assert.That(sketch.HourUsers, Is.EqualTo(hours.Sum(h => h.Value.Count)), $"seed {seed}, {kind}");
                Assert.That(HyperLogLogFormat.Read(sketch.Sketch).Estimate(), Is.EqualTo(Of(hours.SelectMany(h => h.Value)).Estimate()));
            }
        }
    }

    [Test]
    public async Task A_day_tells_the_estimate_its_error_and_how_much_is_in_it()
    {
        await using var archive = await CreateArchiveAsync();
        var (morning, evening) = (Enumerable.Range(0, 2_000).Select(i => Hash(i, 0)).ToList(), Enumerable.Range(1_000, 3_000).Select(i => Hash(i, 0)).ToList());
        await archive.Store.WriteAsync(Batch(0, 0, 2, Partial(Begin + 1, 0, 5, 7, 0, 2_000), Partial(Begin + 2, 0, 5, 8, 0, 3_004)), CancellationToken.None);
        await WriteAsync(archive, 0, 2, Sketch(Begin + 1, 0, 5, morning), Sketch(Begin + 2, 0, 4, evening));

        var day = (await archive.Ranges.ReadCountsAsync(1, new SpanRun(SpanKind.Day, Begin, Begin + 24), CancellationToken.None)).Single();
        Assert.Multiple(() =>
        {
            Assert.That((day.Users.HourUsers, day.Users.MostUsers, day.Users.BusyHours, day.Users.SketchedUsers), Is.EqualTo((5_004L, 3_004L, 2L, 5_000L)));
            Assert.That(day.Users.Estimate, Is.EqualTo(4_000).Within(3).Percent);
            Assert.That(day.Users.StandardError, Is.EqualTo(HyperLogLog.DenseStandardError));
        });
    }

    [Test]
    public async Task An_archive_of_the_version_before_gets_its_days_from_its_hours()
    {
        await using var archive = await CreateArchiveAsync();
        await archive.Store.WriteAsync(
            Batch(0, 0, 3, Partial(Begin, 0, 5, 1, 2, 3), Partial(Begin + 5, 0, 5, 10, 20, 30), Partial(Begin + 30, 0, 5, 4, 5, 0)), CancellationToken.None);
        var days = await archive.Ranges.ReadCountsAsync(1, new SpanRun(SpanKind.Day, Begin, Begin + 48), CancellationToken.None);
        foreach (var table in (string[])["analytics_days", "analytics_sketches"]) await archive.ScalarAsync($"DROP TABLE {table}");
        await archive.ScalarAsync("UPDATE schema_version SET version = 3");

        await ArchiveMigrations.RunAsync(archive.Database, CancellationToken.None);
        Assert.That(await archive.Ranges.ReadCountsAsync(1, new SpanRun(SpanKind.Day, Begin, Begin + 48), CancellationToken.None), Is.EqualTo(days).And.Count.EqualTo(2));
    }

    [Test]
    public async Task Hours_that_an_older_version_wrote_without_their_day_are_in_it_with_its_next_write()
    {
        await using var archive = await CreateArchiveAsync();
        await archive.Store.WriteAsync(Batch(0, 0, 3, Partial(Begin, 0, 5, 1, 2, 300), Partial(Begin + 24, 0, 5, 9, 9, 9)), CancellationToken.None);
        // Started before the tables of days were made, it goes on without them: a new hour, a new version of one, each end of the day.
        await archive.ScalarAsync(
            $"INSERT INTO analytics_hours (generation, hour, partition, next_offset, clicks, impressions, unique_users) VALUES (1, {Begin + 23}, 0, 6, 10, 20, 30), (1, {Begin + 1}, 1, 6, 7, 7, 7), (2, {Begin + 1}, 0, 6, 8, 8, 8), (1, {Begin - 1}, 0, 6, 8, 8, 8)");
        await archive.ScalarAsync($"UPDATE analytics_hours SET next_offset = 6, clicks = 5, impressions = 6, unique_users = 40 WHERE generation = 1 AND hour = {Begin} AND partition = 0");

        await archive.Store.WriteAsync(Batch(0, 3, 4, Partial(Begin + 5, 0, 7, 100, 200, 0)), CancellationToken.None);

        Assert.That(await archive.Ranges.ReadCountsAsync(1, new SpanRun(SpanKind.Day, Begin, Begin + 48), CancellationToken.None), Is.EqualTo(new[]
        {
            new SpanCounts(Begin, 0, 115, 226, new SpanUsers(70, 40, 2, 0, 0, 0)),
            new SpanCounts(Begin + 24, 0, 9, 9, new SpanUsers(9, 9, 1, 0, 0, 0)),
        }));
    }

    [Test]
    public async Task Hours_that_an_older_version_wrote_without_their_day_are_in_it_after_the_next_start()
    {
        await using var archive = await CreateArchiveAsync();
        // The second one lies years ahead, with nothing in between.
        const long Later = Begin + (24 * 4_000);
        await archive.Store.WriteAsync(Batch(0, 0, 3, Partial(Begin, 0, 5, 1, 2, 3), Partial(Later, 0, 5, 9, 9, 9), Partial(Later + 24, 0, 5, 4, 4, 4)), CancellationToken.None);
        await archive.ScalarAsync(
            $"INSERT INTO analytics_hours (generation, hour, partition, next_offset, clicks, impressions, unique_users) VALUES (1, {Begin + 23}, 0, 6, 10, 20, 30), (1, {Begin + 1}, 1, 6, 7, 7, 0), (2, 0, 0, 6, 8, 8, 8)");
        await archive.ScalarAsync($"UPDATE analytics_hours SET next_offset = 6, clicks = 90 WHERE hour = {Later}");

        await archive.Store.PrepareAsync(CancellationToken.None);
        await archive.Store.PrepareAsync(CancellationToken.None);

        Assert.That(await DaysAsync(1, Begin, Later + 48), Is.EqualTo(new[]
        {
            new SpanCounts(Begin, 0, 11, 22, new SpanUsers(33, 30, 2, 0, 0, 0)),
            new SpanCounts(Begin, 1, 7, 7, new SpanUsers(0, 0, 0, 0, 0, 0)),
            new SpanCounts(Later, 0, 90, 9, new SpanUsers(9, 9, 1, 0, 0, 0)),
            new SpanCounts(Later + 24, 0, 4, 4, new SpanUsers(4, 4, 1, 0, 0, 0)),
        }));
        Assert.That(await DaysAsync(2, 0, 24), Is.EqualTo(new[] { new SpanCounts(0, 0, 8, 8, new SpanUsers(8, 8, 1, 0, 0, 0)) }));

        Task<IReadOnlyList<SpanCounts>> DaysAsync(int generation, long from, long to) =>
            archive.Ranges.ReadCountsAsync(generation, new SpanRun(SpanKind.Day, from, to), CancellationToken.None);
    }

    private static async Task<List<StoredSketch>> ReadAllAsync(TemporaryArchive archive, SpanRun run)
    {
        var all = new List<StoredSketch>();
        while (true)
        {
            var page = await archive.Ranges.ReadSketchesAsync(1, run, all.Count == 0 ? null : all[^1], 7, CancellationToken.None);
            all.AddRange(page);
            if (page.Count < 7) return all;
        }
    }

    private static async Task WriteAsync(TemporaryArchive archive, int partition, long to, params HourSketch[] sketches) => Assert.That((await archive.Sketches.WriteAsync(
        new SinkBatch<HourSketch>(SketchTopic, [new ReadRange(partition, 0, to)], sketches, []), CancellationToken.None)).Applied, Is.True);

    private static HourSketch Sketch(long hour, int partition, long nextOffset, List<UInt128> users) => new()
    {
        Hour = hour,
        Partition = partition,
        Generation = 1,
        NextOffset = nextOffset,
        Users = users.Count,
        Sketch = ByteString.CopyFrom(HyperLogLogFormat.Write(Of(users))),
    };

    private static HyperLogLog Of(IEnumerable<UInt128> users)
    {
        var sketch = new HyperLogLog();
        foreach (var user in users) sketch.Add(user);
        return sketch;
    }

    /// <summary>As good as the keyed hash of a user is.</summary>
    private static UInt128 Hash(int user, int partition)
    {
        Span<byte> bytes = stackalloc byte[32];
        SHA256.HashData(MemoryMarshal.AsBytes<int>([user, partition]), bytes);
        return BinaryPrimitives.ReadUInt128LittleEndian(bytes);
    }
}
