using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Archive;

/// <summary>Windows of frames in the archive, on each database: the newest result of each, of the newest generation, in order, a page at a time.</summary>
public sealed class FrameArchiveTests(string system) : EachDatabase(system)
{
    private const string Topic = "frames.progress";

    [Test]
    public async Task Any_versions_in_any_order_leave_the_newest_and_any_page_size_reads_them_in_order([Values(1, 2, 3)] int seed)
    {
        var random = new Random(seed);
        await using var archive = await CreateArchiveAsync();
        var store = new SqlFrameStore(archive.Database);
        var oracle = new SortedDictionary<long, FrameWindow>();
        for (var batch = 0; batch < 30; batch++)
        {
            var windows = Enumerable.Range(0, random.Next(1, 60)).Select(_ => Window(random.Next(2) == 0 ? "minute" : "day", random.Next(50), 1, random.Next(1, 1000)))
                .DistinctBy(w => (w.Kind, w.Start)).ToList();
            var result = await store.WriteAsync(new SinkBatch<FramePartial>(Topic, [new ReadRange(0, batch, batch + 1)], [.. windows.Select(w => new FramePartial(0, w))], []), default);
            Assert.That(result.Applied);
            foreach (var window in windows.Where(w => w is { Kind: "minute", Start: >= 5 and < 40 }))
                if (!oracle.TryGetValue(window.Start, out var before) || before.Version < window.Version) oracle[window.Start] = window;
        }

        foreach (var size in (int[])[1, 2, 7, 1000])
            Assert.That((await ReadAllAsync(new SqlFrameArchive(archive.Database), "minute", 5, 40, size)).Select(Known), Is.EqualTo(oracle.Values.Select(Known)), $"seed {seed}, pages of {size}");
    }

    [Test]
    public async Task A_counting_that_began_again_is_what_is_read_from_its_first_record_on()
    {
        await using var archive = await CreateArchiveAsync();
        var store = new SqlFrameStore(archive.Database);
        await store.WriteAsync(Batch(0, [Window("day", 0, 1, 50)], Progress(1, 100, asOfMs: 900)), default);
        var reader = new SqlFrameArchive(archive.Database);
        var before = await ReadAllAsync(reader, "day", 0, 10, 10);
        await store.WriteAsync(Batch(1, [], Progress(2, 0, asOfMs: 0)), default);
        var begun = await reader.ReadAsync("day", 0, 10, null, 10, default);
        await store.WriteAsync(Batch(2, [Window("day", 1, 2, 1)], Progress(2, 7, asOfMs: 950)), default);

        Assert.Multiple(async () =>
        {
            Assert.That(before, Has.Count.EqualTo(1));
            Assert.That((begun.Windows.Count, begun.Generation, begun.Progress.Complete), Is.EqualTo((0, 2, false)));
            Assert.That((await ReadAllAsync(reader, "day", 0, 10, 10)).Select(w => w.Start), Is.EqualTo(new[] { 1L }));
            Assert.That((await reader.ReadRecordsAsync(default)).Select(r => (r.Generation, r.NextOffset)), Is.EqualTo(new[] { (2, 7L) }));
        });
    }

    [Test]
    public async Task A_rebuilt_generation_is_read_once_it_is_not_behind_and_one_that_began_again_in_its_place_at_once()
    {
        await using var archive = await CreateArchiveAsync();
        var (store, reader) = (new SqlFrameStore(archive.Database), new SqlFrameArchive(archive.Database));
        await store.PrepareAsync(1, default);
        await store.WriteAsync(Batch(0, [Window("day", 0, 1, 50)], Progress(1, 100, asOfMs: 900)), default);
        await store.PrepareAsync(2, default);
        var rebuilt = Batch(0, [Window("day", 0, 2, 20)], Progress(2, 99, asOfMs: 950)) with { Topic = Topic + ".g2" };
        await store.WriteAsync(rebuilt, default);
        Assert.That(await store.TryPointAsync(2, default), Is.False, "one record behind");
        await store.PrepareAsync(2, default);
        Assert.That(await UsersAsync(), Is.EqualTo(50));
        await store.WriteAsync(Batch(1, [Window("day", 0, 2, 51)], Progress(2, 100, asOfMs: 960)) with { Topic = Topic + ".g2" }, default);
        Assert.That(await UsersAsync(), Is.EqualTo(50), "not before somebody points to it");
        Assert.That(await store.TryPointAsync(2, default));
        Assert.That(await UsersAsync(), Is.EqualTo(51));
        await store.PrepareAsync(2, default);
        Assert.That(await UsersAsync(), Is.EqualTo(51), "another start changes nothing");
        await store.WriteAsync(Batch(2, [Window("day", 0, 3, 7)], Progress(3, 5, asOfMs: 970)) with { Topic = Topic + ".g2" }, default);
        Assert.That(await UsersAsync(), Is.EqualTo(7));

        async Task<long> UsersAsync() => (await ReadAllAsync(reader, "day", 0, 10, 10)).Single().UniqueUsers;
    }

    private static SinkBatch<FramePartial> Batch(long at, IEnumerable<FrameWindow> windows, Progress progress) =>
        new(Topic, [new ReadRange(0, at, at + 1)], [.. windows.Select(w => new FramePartial(0, w))], [progress]);

    private static Progress Progress(int generation, long next, long asOfMs) =>
        new() { Generation = generation, Partition = 0, NextOffset = next, AsOfMs = asOfMs, PartitionCount = 1 };

    private static async Task<List<FrameWindow>> ReadAllAsync(SqlFrameArchive archive, string kind, long from, long to, int size)
    {
        var windows = new List<FrameWindow>();
        for (var page = await archive.ReadAsync(kind, from, to, null, size, default); ;)
        {
            windows.AddRange(page.Windows);
            if (page.Windows.Count < size) return windows;
            page = await archive.ReadAsync(kind, page.Windows[^1].Start + 1, to, page.Generation, size, default);
        }
    }

    /// <summary>What readers are told.</summary>
    private static (string, long, long, long, long, FrameWindowState, double) Known(FrameWindow w) => (w.Kind, w.Start, w.End, w.UniqueUsers, w.Frames, w.State, w.StandardError);

    private static FrameWindow Window(string kind, long start, int generation, long version) => new()
    {
        Kind = kind,
        Start = start,
        End = start + 60,
        UniqueUsers = version,
        Frames = 2 * version,
        State = (FrameWindowState)(version % 3),
        StandardError = version % 2 == 0 ? 0.008125 : 0,
        Generation = generation,
        Version = version,
    };
}
