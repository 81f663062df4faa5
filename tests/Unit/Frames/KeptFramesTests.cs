using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Hosting;

namespace Tally.Tests.Unit.Frames;

/// <summary>A rebuild of the frames whose input topic has lost its oldest ones.</summary>
public sealed class KeptFramesTests
{
    private const int Users = 40;

    private sealed record Sent(int Partition, long Offset, long Seconds, int User);

    [Test]
    public void Windows_that_may_have_lost_frames_keep_their_numbers_and_go_on_and_all_others_are_counted_anew([Range(1, 50)] int seed)
    {
        var random = new Random(seed);
        var jump = random.Next(2) == 0 ? TimeSpan.FromHours(6) : TimeSpan.FromDays(2);
        using var rebuild = new FrameRebuild(new FramesOptions { WildLimit = jump / 2, CorrectionHorizon = jump.TotalHours < 7 ? TimeSpan.FromDays(1) : TimeSpan.FromDays(7) });
        var sent = new List<Sent>();
        for (var phase = 0; phase < 4; phase++) Go(1);
        long[] lows = [.. Enumerable.Range(0, FrameRebuild.Partitions).Select(p => random.Next(4) == 0 ? 0 : random.NextInt64(rebuild.Count(p) + 1))];
        for (var p = 0; p < lows.Length; p++) rebuild.Broker.RemoveBelow(FrameRebuild.Topics.Frames, p, lows[p]);
        Go(1);
        // One that waits aside until time has come to it.
        if (random.Next(2) == 0) Send(rebuild, sent, random, 1, (long)jump.TotalSeconds);

        // The generation before counts on beside it.
        do rebuild.Run(1);
        while (Dies(rebuild, random, () => rebuild.Carry()));
        long[] counted = [.. Enumerable.Range(0, FrameRebuild.Partitions).Select(p => (long)rebuild.Count(p))];
        var ahead = sent.Where(s => s.Seconds > rebuild.Now).ToHashSet();
        while (Dies(rebuild, random, () => rebuild.Run(2))) Send(rebuild, sent, random, random.Next(5));
        Go(2);
        Go(2);
        Assert.That(rebuild.Run(2, seconds: 3), $"seed {seed}");

        var told = rebuild.Carry();
        var expected = Expected(sent, told.Before, s => s.Offset < counted[s.Partition] && !ahead.Contains(s));
        Assert.Multiple(() =>
        {
            Assert.That(told.Before > 0, Is.EqualTo(lows.Any(low => low > 0)), $"seed {seed}");
            Assert.That(told.From, Is.EqualTo(lows));
            Assert.That(rebuild.Windows(2), Is.EqualTo(expected), $"seed {seed}");
            Assert.That(rebuild.Published(2), Is.EqualTo(expected), $"seed {seed}");
        });

        void Go(int generation)
        {
            rebuild.Clock.Advance(jump);
            Send(rebuild, sent, random, random.Next(30, 80));
            rebuild.Run(generation);
        }
    }

    [Test]
    public void A_frame_that_was_held_aside_and_is_gone_from_the_topic_still_counts_once_time_has_come_to_it()
    {
        using var rebuild = new FrameRebuild(new FramesOptions { WildLimit = TimeSpan.FromDays(1) });
        var (sent, random, twoDays) = (new List<Sent>(), new Random(5), TimeSpan.FromDays(2));
        Send(rebuild, sent, random, 60);
        rebuild.Run(1);
        // Of an even user: what the first generation understood of it is what is left.
        var ahead = new Sent(0, rebuild.Count(0), rebuild.Now + (long)twoDays.TotalSeconds, 2);
        sent.Add(ahead);
        rebuild.Append(ahead.Partition, ahead.Seconds, ahead.User);
        Send(rebuild, sent, random, 30);
        rebuild.Run(1);
        long[] counted = [.. Enumerable.Range(0, FrameRebuild.Partitions).Select(p => (long)rebuild.Count(p))];
        for (var p = 0; p < counted.Length; p++) rebuild.Broker.RemoveBelow(FrameRebuild.Topics.Frames, p, counted[p]);
        var before = rebuild.Carry().Before;
        rebuild.Clock.Advance(twoDays);
        Send(rebuild, sent, random, 60);
        rebuild.Run(2, seconds: 3);
        Assert.That(rebuild.Windows(2), Is.EqualTo(Expected(sent, before, s => s.Offset < counted[s.Partition] && s != ahead)));
    }

    [Test]
    public void A_frame_for_a_window_of_which_only_the_numbers_were_kept_is_too_late_but_for_those_already_in_them()
    {
        using var windows = new FrameWindows(new FrameRules(), 1, new MemoryWindowFiles(), isWritten: false);
        windows.Keep(before: 2_000_000, watermark: 700_000);
        Assert.Multiple(() =>
        {
            Assert.That(windows.Add(0, 30, 1), Is.False);
            Assert.That(windows.Add(0, 30, 1, wasCounted: true));
            Assert.That(windows.Add(0, 1_000_000, 2));
        });
        windows.Advance(4_000_000);
        Assert.That(windows.TakeResults().Select(result => result.Frames), Is.EqualTo(new[] { 1, 1, 1, 1, 1 }), "none is told that only holds what was counted before");
    }

    [Test]
    public void Frames_that_are_removed_before_the_new_generation_counted_them_are_refused_with_a_sentence()
    {
        using var rebuild = new FrameRebuild(new FramesOptions());
        var sent = new List<Sent>();
        Send(rebuild, sent, new Random(1), 60);
        rebuild.Run(1);
        Remove(2);
        rebuild.Carry();
        Remove(3);
        Assert.That(rebuild.Carry().From, Is.All.EqualTo(3), "nothing was counted yet: it begins again");
        rebuild.Run(2);
        Send(rebuild, sent, new Random(2), 60);
        rebuild.Run(1);
        Remove(30);
        Assert.That(() => rebuild.Carry(), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("delete frames.changelog.g2"));

        void Remove(long below)
        {
            for (var p = 0; p < FrameRebuild.Partitions; p++) rebuild.Broker.RemoveBelow(FrameRebuild.Topics.Frames, p, below);
        }
    }

    private static void Send(FrameRebuild rebuild, List<Sent> sent, Random random, int count, long ahead = 0)
    {
        for (var n = 0; n < count; n++)
        {
            rebuild.Clock.Advance(TimeSpan.FromSeconds(random.Next(120)));
            var late = random.Next(20) == 0 ? random.Next(3600) : random.Next(3);
            var frame = new Sent(random.Next(FrameRebuild.Partitions), 0, rebuild.Now + ahead - late, random.Next(Users));
            frame = frame with { Offset = rebuild.Count(frame.Partition) };
            sent.Add(frame);
            rebuild.Append(frame.Partition, frame.Seconds, frame.User);
        }
    }

    /// <summary>Does it, and half of the time dies at one of its steps, of which there are some thousand.</summary>
    private static bool Dies(FrameRebuild rebuild, Random random, Action work)
    {
        var left = random.Next(2) == 0 ? random.Next(1, 2_000) : int.MaxValue;
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

    /// <summary>The naive count. The first generation took each odd user for the even one before.</summary>
    private static SortedDictionary<(string, long), (long, long)> Expected(List<Sent> sent, long before, Func<Sent, bool> countedBefore)
    {
        var windows = new SortedDictionary<(string, long), (HashSet<int> Users, long Frames)>();
        foreach (var frame in sent)
        {
            foreach (var kind in WindowKinds.All)
            {
                var start = Window.Of(kind, frame.Seconds).Start;
                var (users, frames) = windows.TryGetValue((kind.Name(), start), out var found) ? found : ([], 0);
                users.Add(start < before && countedBefore(frame) ? frame.User / 2 * 2 : frame.User);
                windows[(kind.Name(), start)] = (users, frames + 1);
            }
        }
        return new(windows.ToDictionary(w => w.Key, w => ((long)w.Value.Users.Count, w.Value.Frames)));
    }
}
