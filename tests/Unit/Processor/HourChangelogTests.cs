using System.Text;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

public sealed class HourChangelogTests
{
    private const int ChunkHashes = 8;

    [Test]
    public void What_is_restored_equals_what_was_counted_whether_the_topic_was_compacted_or_not([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        var hours = new PartitionHours();
        var log = new List<(byte[] Key, byte[] Value)>();
        var changelog = new HourChangelog(1, ChunkHashes);
        for (var commit = random.Next(1, 30); commit > 0; commit--)
        {
            foreach (var hour in CountSome(random, hours)) changelog.Write(hours.Get(hour), (key, value) => log.Add((key, value)));
        }

        var compacted = log.GroupBy(r => Encoding.ASCII.GetString(r.Key)).Select(g => g.Last());
        // Compaction may have come only part of the way; the order of what is left stays.
        var cut = random.Next(log.Count + 1);
        var halfway = log.Where((r, i) => i >= cut || !log.Skip(i + 1).Take(cut - i).Any(later => later.Key.AsSpan().SequenceEqual(r.Key)));
        foreach (var records in new[] { log, InOrder(log, compacted), halfway })
        {
            var restored = new PartitionHours();
            foreach (var record in records) changelog.Read(record.Value, restored);
            AssertEqual(restored, hours, $"seed {seed}");
        }
    }

    [Test]
    public void A_restored_hour_goes_on_as_if_nothing_had_happened([Range(1, 30)] int seed)
    {
        var random = new Random(seed);
        var kept = new PartitionHours();
        var log = new List<(byte[] Key, byte[] Value)>();
        var changelog = new HourChangelog(1, ChunkHashes);
        for (var commit = 0; commit < 20; commit++)
        {
            foreach (var hour in CountSome(random, kept)) changelog.Write(kept.Get(hour), (key, value) => log.Add((key, value)));
            if (random.Next(3) > 0) continue;
            // Only the last version of a key is sure to be there.
            var restored = new PartitionHours();
            foreach (var record in InOrder(log, log.GroupBy(r => Encoding.ASCII.GetString(r.Key)).Select(g => g.Last()))) changelog.Read(record.Value, restored);
            AssertEqual(restored, kept, $"seed {seed}, commit {commit}");
            kept = restored;
        }
    }

    [Test]
    public void A_full_chunk_is_never_written_again_and_the_open_one_carries_the_counts()
    {
        var hour = new HourState(5) { Clicks = 20 };
        var changelog = new HourChangelog(1, ChunkHashes);
        for (var user = 1; user <= 20; user++) hour.AddUser((UInt128)user);
        var first = Write(changelog, hour);
        hour.AddUser(21);
        hour.Clicks = 21;
        var second = Write(changelog, hour);

        Assert.Multiple(() =>
        {
            Assert.That(first.Select(c => (c.Chunk, c.Users.Length / 16)), Is.EqualTo(new[] { (0, 8), (1, 8), (2, 4) }));
            Assert.That(second.Select(c => (c.Chunk, c.Users.Length / 16, c.Clicks)), Is.EqualTo(new[] { (2, 5, 21L) }));
        });
    }

    [Test]
    public void A_chunk_of_another_generation_is_not_ours()
    {
        var hour = new HourState(5);
        hour.AddUser(1);
        var hours = new PartitionHours();
        new HourChangelog(2, ChunkHashes).Write(hour, (_, value) => new HourChangelog(1, ChunkHashes).Read(value, hours));
        Assert.That(hours.All, Is.Empty);
    }

    [Test]
    public void Fields_of_a_version_to_come_are_passed_over([Range(1, 5)] int seed)
    {
        // Field 2,047, a number, and field 2,046, bytes.
        byte[] toCome = [0xF8, 0x7F, 1, 0xF2, 0x7F, 2, 9, 9];
        var (random, hours, restored) = (new Random(seed), new PartitionHours(), new PartitionHours());
        var changelog = new HourChangelog(1, ChunkHashes);
        foreach (var hour in CountSome(random, hours))
            changelog.Write(hours.Get(hour), (_, value) => changelog.Read([.. toCome, .. value, .. toCome], restored));
        AssertEqual(restored, hours, $"seed {seed}");
    }

    [TestCase(new byte[] { 255, 255, 255 })]
    [TestCase(new byte[] { 66, 3, 1, 2, 3 }, TestName = "users of 3 bytes")]
    public void A_damaged_chunk_is_refused(byte[] value) =>
        Assert.That(() => new HourChangelog(0, ChunkHashes).Read(value, new PartitionHours()), Throws.TypeOf<InvalidDataException>());

    private static HashSet<long> CountSome(Random random, PartitionHours hours)
    {
        var touched = new HashSet<long>();
        for (var n = random.Next(1, 40); n > 0; n--)
        {
            var number = random.Next(3);
            touched.Add(number);
            var hour = hours.Get(number);
            hour.LastEventMs++;
            if (random.Next(2) == 0 && hour.AddId((UInt128)random.Next(200)) != Seen.New)
            {
                hour.Duplicates++;
                continue;
            }
            hour.AddUser((UInt128)random.Next(200));
            if (random.Next(2) == 0) hour.Clicks++;
            else hour.Impressions++;
        }
        return touched;
    }

    private static IEnumerable<(byte[] Key, byte[] Value)> InOrder(List<(byte[] Key, byte[] Value)> log, IEnumerable<(byte[] Key, byte[] Value)> some) =>
        some.OrderBy(log.IndexOf);

    private static List<StateChunk> Write(HourChangelog changelog, HourState hour)
    {
        var chunks = new List<StateChunk>();
        changelog.Write(hour, (_, value) => chunks.Add(StateChunk.Parser.ParseFrom(value)));
        return chunks;
    }

    private static void AssertEqual(PartitionHours actual, PartitionHours expected, string why)
    {
        Assert.That(actual.All.Keys, Is.EquivalentTo(expected.All.Keys), why);
        foreach (var (number, hour) in expected.All)
        {
            var same = actual.All[number];
            Assert.That(
                (same.Clicks, same.Impressions, same.Duplicates, same.LastEventMs, same.Users.Count, same.Ids.Count),
                Is.EqualTo((hour.Clicks, hour.Impressions, hour.Duplicates, hour.LastEventMs, hour.Users.Count, hour.Ids.Count)), why);
            for (var hash = 0; hash < 200; hash++)
            {
                Assert.That(same.Users.Contains((UInt128)hash), Is.EqualTo(hour.Users.Contains((UInt128)hash)), why);
                Assert.That(same.Ids.Contains((UInt128)hash), Is.EqualTo(hour.Ids.Contains((UInt128)hash)), why);
            }
        }
    }
}
