using System.Text;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Archive;

/// <summary>Flows in the archive, on each database: the newest version of each partial, in the order of the bytes of their names, a page at a time.</summary>
public sealed class FlowArchiveTests(string system) : EachDatabase(system)
{
    private const string Topic = "flows.sums";

    [Test]
    public async Task Any_versions_in_any_order_leave_the_newest_and_any_page_size_reads_them_in_order([Values(1, 2, 3)] int seed)
    {
        string[] names = ["a", "B", "é", "z", "a b", "a-b", "日本", "😀", "~"];
        var random = new Random(seed);
        await using var archive = await CreateArchiveAsync();
        var store = new SqlFlowStore(archive.Database);
        var oracle = new Dictionary<(FlowName Name, int Partition), FlowPartial>();
        for (var batch = 0; batch < 30; batch++)
        {
            var partials = Enumerable.Range(0, random.Next(1, 60)).Select(_ => Partial(
                random.Next(2), names[random.Next(names.Length)], names[random.Next(names.Length)], random.Next(3), random.Next(1000)))
                .DistinctBy(p => (p.Hour, p.Name, p.Partition)).ToList();
            var result = await store.WriteAsync(new SinkBatch<FlowPartial>(Topic, [new ReadRange(0, batch, batch + 1)], [.. partials.Select(p => p with { Partition = 0 }).DistinctBy(p => (p.Hour, p.Name))], []), default);
            Assert.That(result.Applied);
            foreach (var partial in partials.Select(p => p with { Partition = 0 }).DistinctBy(p => (p.Hour, p.Name)).Where(p => p.Hour == 1))
                if (!oracle.TryGetValue((partial.Name, 0), out var before) || before.Sum.NextOffset < partial.Sum.NextOffset) oracle[(partial.Name, 0)] = partial;
        }
        var expected = oracle.Values.OrderBy(p => Key(p.Name), StringComparer.Ordinal).ToList();

        foreach (var size in (int[])[1, 2, 7, 1000])
            Assert.That(await ReadAllAsync(new SqlFlowArchive(archive.Database), size), Is.EqualTo(expected), $"seed {seed}, pages of {size}");
    }

    [Test]
    public async Task Partials_of_all_partitions_stand_side_by_side_across_pages()
    {
        await using var archive = await CreateArchiveAsync();
        var store = new SqlFlowStore(archive.Database);
        for (var partition = 3; partition >= 0; partition--)
            await store.WriteAsync(new SinkBatch<FlowPartial>(Topic, [new ReadRange(partition, 0, 2)],
                [Partial(1, "a", "x", partition, 5), Partial(1, "b", "x", partition, 5)],
                [new Progress { Generation = 1, Partition = partition, NextOffset = 5, AsOfMs = 1000 + partition, PartitionCount = 4 }]), default);

        var reader = new SqlFlowArchive(archive.Database);
        var rows = await ReadAllAsync(reader, 3);
        var page = await reader.ReadAsync(1, null, 10, default);
        Assert.Multiple(() =>
        {
            Assert.That(rows.Select(r => (r.Name.SrcApp, r.Partition)), Is.EqualTo("ab".SelectMany(n => Enumerable.Range(0, 4).Select(p => (n.ToString(), p)))));
            Assert.That((page.Progress.Complete, page.Progress.AsOfMs), Is.EqualTo((true, 1000L)));
        });
    }

    [Test]
    public async Task A_batch_behind_a_gap_is_not_written()
    {
        await using var archive = await CreateArchiveAsync();
        var result = await new SqlFlowStore(archive.Database).WriteAsync(
            new SinkBatch<FlowPartial>(Topic, [new ReadRange(0, 5, 6)], [Partial(1, "a", "b", 0, 1)], []), default);

        Assert.That((result.Applied, result.Positions[0]), Is.EqualTo((false, 0L)));
        Assert.That(await archive.ScalarAsync("SELECT COUNT(*) FROM flow_sums"), Is.Zero);
    }

    [Test]
    public async Task A_rebuilt_generation_is_read_once_it_is_not_behind_in_any_partition_and_an_answer_keeps_to_the_one_it_began_with()
    {
        await using var archive = await CreateArchiveAsync();
        var (store, reader) = (new SqlFlowStore(archive.Database), new SqlFlowArchive(archive.Database));
        await WriteAsync(Topic, 1, (0, 5), (1, 5));
        var first = await reader.ReadAsync(1, null, 1, default);
        await WriteAsync(Topic + ".g2", 2, (0, 7));
        Assert.That(await store.TryPointAsync(2, default), Is.False, "of partition 1 nothing is known");
        await WriteAsync(Topic + ".g2", 2, (1, 4));
        Assert.That(await store.TryPointAsync(2, default), Is.False, "partition 1 is behind");
        Assert.That((await reader.ReadAsync(1, null, 10, default)).Generation, Is.EqualTo(1));
        await WriteAsync(Topic + ".g2", 2, (1, 5));
        Assert.That(await store.TryPointAsync(2, default));

        var (rest, anew) = (await reader.ReadAsync(1, new FlowPosition(first.Generation, first.Rows[^1].Name, first.Rows[^1].Partition), 10, default), await reader.ReadAsync(1, null, 10, default));
        Assert.Multiple(() =>
        {
            Assert.That(rest.Rows.Select(r => (r.Sum.Generation, r.Partition)), Is.EqualTo(new[] { (1, 1) }));
            Assert.That(anew.Rows.Select(r => (r.Sum.Generation, r.Sum.BytesTx)), Is.EqualTo(new[] { (2, 7L), (2, 5L) }));
        });

        async Task WriteAsync(string topic, int generation, params (int Partition, long NextOffset)[] parts)
        {
            foreach (var (partition, offset) in parts)
            {
                var position = (await store.ReadPositionsAsync(topic, [partition], default))[partition];
                var partial = Partial(1, "a", "x", partition, offset);
                partial.Sum.Generation = generation;
                await store.WriteAsync(new SinkBatch<FlowPartial>(topic, [new ReadRange(partition, position, position += 2)], [partial],
                    [new Progress { Generation = generation, Partition = partition, NextOffset = offset, AsOfMs = 1, PartitionCount = 2 }]), default);
            }
        }
    }

    private static async Task<List<FlowPartial>> ReadAllAsync(SqlFlowArchive archive, int size)
    {
        var rows = new List<FlowPartial>();
        for (var page = await archive.ReadAsync(1, null, size, default); ;)
        {
            rows.AddRange(page.Rows);
            if (page.Rows.Count < size) return rows;
            page = await archive.ReadAsync(1, new FlowPosition(page.Generation, page.Rows[^1].Name, page.Rows[^1].Partition), size, default);
        }
    }

    private static FlowPartial Partial(long hour, string src, string dest, int partition, long nextOffset) => new(hour, new FlowName(src, dest, "v"), partition,
        new FlowSum { Generation = 1, NextOffset = nextOffset, BytesTx = nextOffset, BytesRx = 2 * nextOffset, Saturated = nextOffset % 2 == 0 });

    /// <summary>Compared by UTF-8, which UTF-16 does not do beyond the first plane.</summary>
    private static string Key(FlowName name) =>
        string.Concat(Encoding.UTF8.GetBytes($"{name.SrcApp}\t{name.DestApp}\t{name.VpcId}").Select(b => (char)b));
}
