using System.Text;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Jobs.Flows;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor.Flows;

public sealed class FlowsTaskTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Test]
    public void Any_mix_of_arrays_retries_poison_and_restarts_sums_as_a_plain_recount_does([Range(1, 200)] int seed) => Recount(seed, memory: null);

    [Test]
    public void The_same_with_memory_for_a_few_sums_only_the_rest_on_disk([Range(1, 50)] int seed)
    {
        var folder = Directory.CreateTempSubdirectory("tally-flows-");
        var memory = new FlowMemory(2_000, new FlowFiles(folder.FullName));
        var wasOnDisk = Recount(seed, memory);
        Assert.Multiple(() =>
        {
            Assert.That(wasOnDisk, "the memory is too large for the test");
            Assert.That(memory.Used, Is.Zero, "what was let go is no longer counted");
            Assert.That(folder.GetFiles(), Is.Empty, "no file is left behind");
        });
        folder.Delete(recursive: true);
    }

    /// <returns>Whether the memory was ever too small.</returns>
    private static bool Recount(int seed, FlowMemory? memory)
    {
        var full = false;
        var random = new Random(seed);
        var clock = new ManualClock();
        var oracle = new FlowRecount();
        var partitions = Enumerable.Range(0, 3).Select(_ => new FlowTopic(clock, Day, memory)).ToArray();
        var arrays = 0;
        for (var n = 0; n < 120; n++)
        {
            clock.Advance(TimeSpan.FromSeconds(random.Next(60)));
            var array = FlowArrays.Draw(random);
            var key = random.Next(2) == 0 ? $"key-{random.Next(40)}" : null;
            // A key always meets the same partition.
            var partition = partitions[key is null ? random.Next(3) : key.Length % 3];
            if (random.Next(6) == 0)
            {
                var poison = partition.Process(FlowArrays.Spoil(array, random).Bytes(), key is null ? null : FlowArrays.Key(key));
                Assert.That((poison.Kind, poison.Reason), Is.EqualTo((OutcomeKind.DeadLettered, DeadLetterReasons.InvalidFlows)), $"seed {seed}, array {n}");
            }
            else
            {
                var outcome = partition.Process(array.Bytes(), key is null ? null : FlowArrays.Key(key));
                Assert.That(outcome.Kind == OutcomeKind.Counted, Is.EqualTo(oracle.Take(array, key)), $"seed {seed}, array {n}");
                if (outcome.Kind == OutcomeKind.Counted) arrays += array.Flows.Count;
            }
            if (random.Next(10) != 0) continue;
            full |= memory?.Used > 2_000;
            partition.Commit();
            if (random.Next(3) == 0) partition.Restart();
        }
        foreach (var partition in partitions) partition.Commit();
        if (memory is not null) Assert.That(memory.Used, Is.LessThanOrEqualTo(2_000), $"seed {seed}");

        Assert.Multiple(() =>
        {
            Assert.That(Read(partitions), Is.EqualTo(oracle.Rows), $"seed {seed}");
            Assert.That(partitions.Sum(p => p.Counters[FlowsTask.Flows]), Is.EqualTo(arrays), $"seed {seed}");
        });
        foreach (var partition in partitions) partition.Dispose();
        return full;
    }

    [Test]
    public void A_sum_that_would_pass_the_maximum_stays_there_is_flagged_and_counted()
    {
        using var topic = new FlowTopic(new ManualClock(), Day);
        foreach (var rx in (long[])[long.MaxValue - 1, 1, 1, 5])
            topic.Process(new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 1, rx, 0) } }.Bytes(), null);
        topic.Commit();

        var sum = topic.Sums.Single().Sum;
        Assert.Multiple(() =>
        {
            Assert.That((sum.BytesTx, sum.BytesRx, sum.Saturated), Is.EqualTo((4L, long.MaxValue, true)));
            Assert.That(topic.Counters[FlowsTask.SaturatedFlows], Is.EqualTo(2));
        });
    }

    [Test]
    public void A_key_is_known_for_the_time_asked_for_and_forgotten_an_hour_later_at_the_latest()
    {
        var clock = new ManualClock();
        using var topic = new FlowTopic(clock, TimeSpan.FromHours(24));
        var array = new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 1, 1, 0) } }.Bytes();
        topic.Process(array, FlowArrays.Key("k"));
        topic.Commit();
        clock.Advance(TimeSpan.FromHours(24));
        topic.Restart();
        Assert.That(topic.Process(array, FlowArrays.Key("k")).Kind, Is.EqualTo(OutcomeKind.Duplicate));
        topic.Commit();
        clock.Advance(TimeSpan.FromHours(1));
        topic.Process(array, null);
        topic.Commit();
        Assert.That(topic.KeyChunks, Is.Zero);
        Assert.That(topic.Process(array, FlowArrays.Key("k")).Kind, Is.EqualTo(OutcomeKind.Counted));
    }

    [Test]
    public void However_much_of_a_backlog_one_commit_takes_a_key_is_forgotten_by_the_times_of_arrival()
    {
        var clock = new ManualClock();
        using var topic = new FlowTopic(clock, TimeSpan.FromHours(24));
        var array = new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 1, 1, 0) } }.Bytes();
        topic.Process(array, FlowArrays.Key("k"));
        clock.Advance(TimeSpan.FromHours(26));
        topic.Process(array, null);
        Assert.That(topic.Process(array, FlowArrays.Key("k")).Kind, Is.EqualTo(OutcomeKind.Counted));
    }

    [Test]
    public void More_keys_than_a_chunk_holds_survive_a_restart()
    {
        using var topic = new FlowTopic(new ManualClock(), Day);
        var array = new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 1, 1, 0) } }.Bytes();
        for (var n = 0; n < 3 * FlowKeyMemory.ChunkKeys + 1; n++)
        {
            topic.Process(array, FlowArrays.Key($"{n}"));
            if (n % 100 == 0) topic.Commit();
        }
        topic.Commit();
        Assert.That(topic.KeyChunks, Is.EqualTo(4));
        topic.Restart();
        for (var n = 0; n < 3 * FlowKeyMemory.ChunkKeys + 1; n++) Assert.That(topic.Process(array, FlowArrays.Key($"{n}")).Kind, Is.EqualTo(OutcomeKind.Duplicate), $"{n}");
    }

    [Test]
    public void A_clock_that_runs_ahead_makes_nobody_forget_keys()
    {
        var clock = new ManualClock();
        using var keys = new FlowKeyMemory(1, Day, clock);
        keys.Saw(clock.NowMs);
        keys.Add(7, 0);
        keys.Saw(clock.NowMs + (long)TimeSpan.FromDays(30).TotalMilliseconds);
        using var topic = new FlowTopic(clock, Day);
        keys.Emit(topic);
        Assert.That(keys.Knows(7));
    }

    [Test]
    public void Bytes_that_are_no_array_are_dead_lettered_whatever_they_are([Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        using var topic = new FlowTopic(new ManualClock(), Day);
        for (var n = 0; n < 200; n++)
        {
            var bytes = FlowArrays.Draw(random).Bytes();
            for (var damage = random.Next(1, 4); damage > 0; damage--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(2) == 0) bytes = bytes[..random.Next(bytes.Length)];
            var outcome = topic.Process(bytes, null).Kind;
            Assert.That(outcome == OutcomeKind.Counted, Is.EqualTo(ParserTakes(bytes)), $"seed {seed}, {Convert.ToHexString(bytes)}");
        }
    }

    [Test]
    public void A_record_of_another_type_is_named()
    {
        using var topic = new FlowTopic(new ManualClock(), Day);
        var outcome = topic.Process([], null, new Confluent.Kafka.Headers { { RecordTypes.Header, Encoding.ASCII.GetBytes("flow-array/2") } });
        Assert.That((outcome.Kind, outcome.Reason), Is.EqualTo((OutcomeKind.DeadLettered, DeadLetterReasons.UnknownVersion)));
    }

    /// <summary>What the generated parser makes of it. It lets a name pass that is no UTF-8, with U+FFFD in its place.</summary>
    private static bool ParserTakes(byte[] bytes)
    {
        try
        {
            return FlowArray.Parser.ParseFrom(bytes).Flows.All(f =>
                new[] { f.SrcApp, f.DestApp, f.VpcId }.All(n => !n.Contains('\ufffd', StringComparison.Ordinal) && FlowNames.IsValid(Encoding.UTF8.GetBytes(n)))
                && f is { BytesTx: >= 0, BytesRx: >= 0, Hour: >= 0 });
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }

    /// <summary>What a reader makes of the partitions' sums.</summary>
    private static IEnumerable<(string, long, long, bool)> Read(IEnumerable<FlowTopic> partitions) =>
        partitions.SelectMany(p => p.Sums).GroupBy(s => s.Name, s => s.Sum).OrderBy(f => f.Key, StringComparer.Ordinal)
            .Select(flow => (flow.Key, Add(flow.Select(s => s.BytesTx)), Add(flow.Select(s => s.BytesRx)),
                flow.Any(s => s.Saturated) || Overflows(flow.Select(s => s.BytesTx)) || Overflows(flow.Select(s => s.BytesRx))));

    private static bool Overflows(IEnumerable<long> sums) => sums.Aggregate(System.Numerics.BigInteger.Zero, (a, b) => a + b) > long.MaxValue;

    private static long Add(IEnumerable<long> sums) =>
        (long)System.Numerics.BigInteger.Min(long.MaxValue, sums.Aggregate(System.Numerics.BigInteger.Zero, (a, b) => a + b));
}
