using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Rebuild;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.Tests.Unit.Processor.Flows;

/// <summary>A rebuild of the flows whose input topic has lost its oldest arrays.</summary>
public sealed class KeptFlowsTests
{
    /// <summary>An array as it was sent.</summary>
    private sealed record Sent(int Partition, long Offset, FlowArray Array, string? Key, bool IsValid, bool OfOlderVersion);

    [Test]
    public void Hours_that_lost_an_array_keep_their_numbers_and_all_others_are_counted_anew_whatever_dies_on_the_way([Range(1, 100)] int seed)
    {
        var random = new Random(seed);
        using var rebuild = new FlowRebuild();
        var sent = new List<Sent>();
        var older = random.Next(3) == 0;
        Send(rebuild, sent, random, random.Next(10, 60), 100, older);
        rebuild.Run(1);
        if (older) rebuild.WasWrittenByAnOlderVersion();
        Send(rebuild, sent, random, random.Next(10, 60), 101);
        rebuild.Run(1);
        long[] lows = [.. Enumerable.Range(0, FlowRebuild.Partitions).Select(p => random.Next(4) == 0 ? 0 : random.NextInt64(rebuild.Input(p).Count + 1))];
        for (var p = 0; p < lows.Length; p++) rebuild.Broker.RemoveBelow(FlowRebuild.Topics.Flows, p, lows[p]);
        Send(rebuild, sent, random, random.Next(10, 60), 103);

        // The generation before counts on beside it.
        do rebuild.Run(1);
        while (Dies(rebuild, random, () => rebuild.Carry()));
        long[] counted = [.. Enumerable.Range(0, FlowRebuild.Partitions).Select(p => (long)rebuild.Input(p).Count)];
        Send(rebuild, sent, random, random.Next(40), 104);
        while (Dies(rebuild, random, () => rebuild.Run(2))) Send(rebuild, sent, random, random.Next(10), 105);
        Send(rebuild, sent, random, random.Next(40), 106);
        rebuild.Run(1);
        Assert.That(rebuild.Run(2), $"seed {seed}");

        var (kept, expected) = Expected(sent, lows, counted);
        Assert.Multiple(() =>
        {
            Assert.That(rebuild.Sent(2), Is.EqualTo(expected), $"seed {seed}");
            var told = rebuild.Carry();
            Assert.That(told.Hours, Is.EqualTo(kept), $"seed {seed}: said a second time");
            Assert.That(told.From, Is.EqualTo(lows), $"seed {seed}");
        });
    }

    [Test]
    public void A_topic_that_still_holds_every_array_is_counted_anew_from_its_beginning()
    {
        using var rebuild = new FlowRebuild();
        for (var n = 0; n < 30; n++) rebuild.Append(n % 3, new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 10, 1, n / 10) } }, $"{n / 2 * 2}");
        rebuild.Run(1);
        Assert.That(rebuild.Carry().Hours, Is.Empty);
        rebuild.Run(2);
        Assert.Multiple(() =>
        {
            Assert.That(rebuild.Sent(1), Is.EqualTo(new Dictionary<long, long> { [0] = 110, [1] = 110, [2] = 110 }));
            Assert.That(rebuild.Sent(2), Is.EqualTo(new Dictionary<long, long> { [0] = 100, [1] = 100, [2] = 100 }));
        });
    }

    [Test]
    public void Arrays_that_are_removed_before_the_new_generation_counted_them_are_kept_or_refused_with_a_sentence()
    {
        using var rebuild = new FlowRebuild();
        for (var n = 0; n < 30; n++) rebuild.Append(n % 3, new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 10, 1, n / 10) } }, null);
        rebuild.Run(1);
        Remove(2);
        Assert.That(rebuild.Carry().Hours, Is.EqualTo(new[] { 0 }));
        Remove(5);
        Assert.That(rebuild.Carry().Hours, Is.EqualTo(new[] { 0, 1 }), "nothing was counted yet: it begins again");
        rebuild.Run(2);
        Assert.That(rebuild.Sent(2), Is.EqualTo(new Dictionary<long, long> { [0] = 110, [1] = 110, [2] = 100 }));
        for (var n = 0; n < 9; n++) rebuild.Append(n % 3, new FlowArray { Flows = { FlowArrays.Of("a", "b", "c", 10, 1, 3) } }, null);
        rebuild.Run(1);
        Remove(12);
        Assert.That(() => rebuild.Carry(), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("delete flows.sums.g2 and flows.dead-letter.g2"));

        void Remove(long below)
        {
            for (var p = 0; p < FlowRebuild.Partitions; p++) rebuild.Broker.RemoveBelow(FlowRebuild.Topics.Flows, p, below);
        }
    }

    [Test]
    public void Hours_are_told_as_ranges() => Assert.Multiple(() =>
    {
        Assert.That(RebuiltJob.Ranges([1, 2, 3, 7, 9, 10]), Is.EqualTo("1-3, 7, 9-10"));
        Assert.That(RebuiltJob.Ranges([.. Enumerable.Range(0, 25).Select(n => 2L * n)]), Does.EndWith(", 36, 38 and 5 more"));
    });

    [Test]
    public void Colours_need_no_rebuild_and_it_says_so() => Assert.Multiple(() =>
    {
        Assert.That(() => RebuiltJob.Named("colours"), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("restarted"));
        Assert.That(() => RebuiltJob.Named("hours"), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("--job is 'hours'"));
    });

    private static void Send(FlowRebuild rebuild, List<Sent> sent, Random random, int count, long hour, bool older = false)
    {
        for (var n = 0; n < count; n++)
        {
            rebuild.Clock.Advance(TimeSpan.FromSeconds(random.Next(30)));
            var array = new FlowArray();
            for (var f = random.Next(1, 6); f > 0; f--)
                array.Flows.Add(FlowArrays.Of($"a{random.Next(2)}", "b", "c", random.Next(1, 1000), 7, random.Next(10) == 0 ? random.Next(90, 100) : hour + random.Next(3)));
            // A key always meets the same partition.
            var (number, partition) = (random.Next(60), random.Next(FlowRebuild.Partitions));
            var key = random.Next(2) == 0 ? $"key-{number}" : null;
            if (key is not null) partition = number % FlowRebuild.Partitions;
            var valid = random.Next(8) != 0;
            if (!valid) array.Flows[random.Next(array.Flows.Count)].SrcApp = "";
            sent.Add(new Sent(partition, rebuild.Input(partition).Count, array, key, valid, older));
            rebuild.Append(partition, array, key);
        }
    }

    /// <summary>Does it, and half of the time dies at one of its steps, of which there are some thousand.</summary>
    private static bool Dies(FlowRebuild rebuild, Random random, Action work)
    {
        var left = random.Next(2) == 0 ? random.Next(1, 1_500) : int.MaxValue;
        var died = false;
        rebuild.Broker.Step = _ =>
        {
            if (--left != 0) return;
            died = true;
            throw new CorruptedException("killed");
        };
        try
        {
            work();
        }
        catch (CorruptedException)
        {
        }
        finally
        {
            rebuild.Broker.Step = _ => { };
        }
        return died;
    }

    /// <summary>The naive count. The first generation counts a byte too much for each flow.</summary>
    private static (List<long> Kept, SortedDictionary<long, long> Sums) Expected(List<Sent> sent, long[] lows, long[] counted)
    {
        var keys = new HashSet<string>();
        var counts = sent.Where(s => s.IsValid && (s.Key is null || keys.Add(s.Key))).ToList();
        var kept = counts.Where(s => s.Offset < lows[s.Partition] || (s.OfOlderVersion && lows[s.Partition] > 0)).SelectMany(s => s.Array.Flows).Select(f => f.Hour).ToHashSet();
        var sums = new SortedDictionary<long, long>();
        foreach (var s in counts)
        {
            foreach (var flow in s.Array.Flows)
                sums[flow.Hour] = sums.GetValueOrDefault(flow.Hour) + flow.BytesTx + (kept.Contains(flow.Hour) && s.Offset < counted[s.Partition] ? 1 : 0);
        }
        return ([.. kept.Order()], sums);
    }
}
