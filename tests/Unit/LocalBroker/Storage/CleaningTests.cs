using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class CleaningTests
{
    private static readonly LogConfig Small = new() { Compact = true, Delete = false, SegmentBytes = 2000, MinCleanableRatio = 0.01, DeleteRetentionMs = 1000 };

    [Test]
    public async Task The_newest_record_of_each_key_stays_where_it_was()
    {
        await using var log = new TestLog(Small);
        for (int i = 0; i < 400; i++)
            log.Append(TestBatch.Of($"key {i % 7}", $"once {i}"));
        long before = log.Log.SizeBytes;
        HashSet<long> newest = [.. Newest(log.Read())];
        Clean(log);
        List<(long Offset, string? Key, string? Value)> after = log.Read();
        Assert.That(newest.Except(after.Select(r => r.Offset)), Is.Empty, "a newest record is lost");
        Assert.That(after.Select(r => r.Offset), Is.Ordered.And.Unique);
        Assert.That(log.Log.SizeBytes, Is.LessThan(before * 0.8));
        log.Reopen();
        Assert.That(log.Read(), Is.EqualTo(after));
        Assert.That(log.Append(TestBatch.Of("next")).BaseOffset, Is.EqualTo(800));
    }

    [Test]
    public async Task Random_transactions_tombstones_and_restarts_leave_what_a_reader_would_have_kept()
    {
        const int seed = 4711;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var log = new TestLog(Small);
        var expected = new Dictionary<string, string?>();
        var sequences = new int[4];
        for (int round = 0; round < 600; round++)
        {
            int producer = random.Next(sequences.Length);
            bool commit = random.Next(4) > 0;
            var pending = new List<(string Key, string? Value)>();
            for (int batch = random.Next(1, 4); batch > 0; batch--)
            {
                (string?, string?)[] records = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ =>
                    ((string?)$"k{random.Next(30)}", random.Next(5) == 0 ? null : (string?)$"v{round}"))];
                AppendResult result = log.Append(new TestBatch { ProducerId = producer, Epoch = 0, Sequence = sequences[producer], Transactional = true, Records = records });
                Assert.That(result.Error, Is.EqualTo(ErrorCode.None));
                sequences[producer] += records.Length;
                pending.AddRange(records.Select(r => (r.Item1!, r.Item2)));
            }

            log.Log.AppendMarker(producer, 0, commit);
            if (commit)
                pending.ForEach(p => expected[p.Key] = p.Value);
            if (random.Next(15) == 0)
                Clean(log);
            log.Time.Advance(TimeSpan.FromMilliseconds(random.Next(200)));
            if (random.Next(30) == 0)
                log.Reopen(clean: random.Next(2) == 0);
        }

        Clean(log);
        log.Time.Advance(TimeSpan.FromSeconds(5));
        Clean(log);
        Assert.That(log.Log.Offsets.LastStable, Is.EqualTo(log.Log.EndOffset), "no transaction seems open");
        var state = new Dictionary<string, string?>();
        foreach ((_, string? key, string? value) in CommittedOnly(log))
            state[key!] = value;
        Assert.That(state.Where(s => s.Value is not null), Is.EquivalentTo(expected.Where(e => e.Value is not null)));
        Assert.That(Directory.GetFiles(log.Folder, "*.log"), Has.Length.LessThan(40), "small segments are merged");
    }

    [Test]
    public async Task A_tombstone_stays_for_its_time_and_then_goes()
    {
        await using var log = new TestLog(Small);
        log.Append(new TestBatch { Records = [("gone", "1")] });
        log.Append(new TestBatch { Records = [("gone", null)] });
        Fill(log);
        Clean(log);
        Assert.That(log.Read().Where(r => r.Key == "gone").Select(r => (r.Offset, r.Value)), Is.EqualTo(new[] { (1L, (string?)null) }));
        log.Time.Advance(TimeSpan.FromMilliseconds(1500));
        Fill(log);
        Clean(log);
        Assert.That(log.Read().Where(r => r.Key == "gone"), Is.Empty);
    }

    [Test]
    public async Task Timestamps_survive_the_delete_horizon()
    {
        await using var log = new TestLog(Small);
        log.Append(new TestBatch { Records = [("gone", null), ("kept", "v")], Timestamp = 5000 });
        Fill(log);
        Clean(log);
        Assert.That(log.Log.FindByTimestamp(5001, false), Is.EqualTo((1L, 5001L)));
    }

    [Test]
    public async Task Nothing_at_or_above_an_open_transaction_is_touched()
    {
        await using var log = new TestLog(Small);
        log.Append(new TestBatch { ProducerId = 1, Epoch = 0, Sequence = 0, Transactional = true, Records = [("a", "1")] });
        for (int i = 0; i < 200; i++)
            log.Append(TestBatch.Of("a"));
        Clean(log);
        Assert.That(log.Read(), Has.Count.EqualTo(201));
    }

    [Test]
    public async Task A_producers_sequence_is_known_although_its_batches_are_gone()
    {
        await using var log = new TestLog(Small);
        log.Append(new TestBatch { ProducerId = 9, Epoch = 0, Sequence = 0, Records = [("a", "1")] });
        for (int i = 0; i < 200; i++)
            log.Append(TestBatch.Of("a"));
        Clean(log);
        log.Reopen();
        Assert.That(log.Append(new TestBatch { ProducerId = 9, Epoch = 0, Sequence = 0, Records = [("a", "1")] }).BaseOffset, Is.Zero, "a repetition");
        Assert.That(log.Append(new TestBatch { ProducerId = 9, Epoch = 0, Sequence = 5 }).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
    }

    [Test]
    public async Task A_start_finishes_a_replacement_that_was_complete_and_forgets_one_that_was_not()
    {
        await using var log = new TestLog(Small);
        for (int i = 0; i < 100; i++)
            log.Append(TestBatch.Of($"{i}"));
        log.Close();
        string[] files = [.. Directory.GetFiles(log.Folder, "*.log").Order()];
        Assert.That(Segment.TryParseName(files[2], out long third));
        // What a crash leaves: the first two segments merged into one file that has not taken their place yet, and a half-written further one.
        byte[] merged = [.. File.ReadAllBytes(files[0]), .. File.ReadAllBytes(files[1])];
        File.WriteAllBytes(Path.Combine(log.Folder, $"{0:D20}-{third - 1:D20}.swap"), merged);
        File.WriteAllBytes(files[2] + ".cleaned", [1, 2, 3]);
        File.Delete(files[0]);
        log.Reopen();
        Assert.That(log.Read().Select(r => r.Offset), Is.EqualTo(Enumerable.Range(0, 100).Select(i => (long)i)));
        Assert.That(Directory.GetFiles(log.Folder).Where(f => f.EndsWith(".swap", StringComparison.Ordinal) || f.EndsWith(".cleaned", StringComparison.Ordinal)), Is.Empty);
        Assert.That(File.Exists(files[1]), Is.False);
    }

    private static void Clean(TestLog log)
    {
        log.Log.Checkpoint(everything: false);
        log.Log.Clean();
    }

    private static void Fill(TestLog log)
    {
        for (int i = 0; i < 60; i++)
            log.Append(TestBatch.Of($"filler {i % 3}"));
    }

    private static IEnumerable<long> Newest(IEnumerable<(long Offset, string? Key, string? Value)> records) =>
        records.GroupBy(r => r.Key).Select(g => g.Max(r => r.Offset));

    private static IEnumerable<(long Offset, string? Key, string? Value)> CommittedOnly(TestLog log)
    {
        using var writer = new WireWriter();
        for (long offset = 0; ;)
        {
            writer.Truncate(0);
            ReadPlan plan = log.Log.Plan(offset, 1 << 20, committedOnly: true);
            if (log.Log.Read(plan, true, writer).Bytes == 0)
                yield break;
            byte[] batches = writer.Written.ToArray();
            for (int at = 0; at < batches.Length;)
            {
                BatchHeader header = BatchHeader.Read(batches.AsSpan(at));
                bool aborted = plan.Aborted!.Any(a => a.ProducerId == header.ProducerId && header.BaseOffset >= a.FirstOffset && header.BaseOffset < a.MarkerOffset);
                foreach ((long Offset, string? Key, string? Value) record in aborted ? [] : TestBatch.Parse(batches.AsSpan(at, header.Size)))
                    yield return record;
                at += header.Size;
                offset = header.LastOffset + 1;
            }
        }
    }
}
