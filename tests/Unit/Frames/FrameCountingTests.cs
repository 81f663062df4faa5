using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Frames;

public sealed class FrameCountingTests
{
    [Test]
    public void The_last_result_of_each_window_is_that_of_a_plain_recount([Values(1, 3, 8)] int partitions, [Range(1, 6)] int seed, [Values(2, 700)] int stepMax)
    {
        var frames = FrameStream.Make(seed, partitions, 4_000, users: 150, stepMax, wild: true);
        var counting = new Counting(new FrameRules { CorrectionHorizon = 366 * 86_400L, WildLimit = 3600 + (stepMax * 100) }, partitions, seed);
        foreach (var frame in frames) counting.Take(frame);
        counting.Finish();

        var expected = Recount(frames.Where(frame => !frame.IsWild));
        Assert.Multiple(() =>
        {
            Assert.That(Differences(expected, counting.Last), Is.Empty, $"seed {seed}");
            Assert.That(counting.Last.Values.Select(r => r.State), Has.None.EqualTo(ResultState.Early));
            Assert.That(counting.Reasons, Is.EquivalentTo(new Dictionary<string, int> { [DeadLetterReasons.WildTimestamp] = frames.Count(f => f.IsWild) }));
            Assert.That(counting.Counted + counting.Reasons.Values.Sum(), Is.EqualTo(frames.Count), "each frame has one outcome");
            Assert.That(counting.Errors, Is.Empty);
        });
    }

    [Test]
    public void Two_years_of_history_end_as_they_did_live_for_any_partitioning([Range(1, 3)] int seed)
    {
        // A frame every hour and a half or so; history is read a partition after the other, a thousand frames at a time.
        var frames = FrameStream.Make(seed, 8, 12_000, users: 60, stepMax: 10_000, wild: false);
        var live = new Counting(new FrameRules { WildLimit = 7 * 86_400, CorrectionHorizon = 10 * 86_400L }, 8, seed);
        foreach (var frame in frames) live.Take(frame);
        live.Finish();
        var history = new Counting(new FrameRules { WildLimit = 7 * 86_400, CorrectionHorizon = 10 * 86_400L }, 8, seed);
        var queues = frames.GroupBy(f => f.Partition).Select(g => new Queue<MadeFrame>(g)).ToList();
        while (queues.Exists(q => q.Count > 0))
            foreach (var queue in queues)
                for (var i = 0; i < 1_000 && queue.TryDequeue(out var frame); i++) history.Take(frame);
        history.Finish();

        Assert.Multiple(() =>
        {
            Assert.That(live.Reasons, Is.Empty);
            Assert.That(Differences(Recount(frames), live.Last), Is.Empty);
            Assert.That(Differences(Recount(frames), history.Last), Is.Empty);
        });
    }

    [Test]
    public void History_behind_live_frames_is_counted_whole_where_the_horizon_reaches_back_to_it_and_else_too_late([Values(400, 7)] int days)
    {
        var history = FrameStream.Make(5, 3, 4_000, users: 60, stepMax: 3_000, wild: false);
        var now = history.Max(frame => frame.Seconds) + (100 * 86_400L);
        var live = FrameStream.Make(6, 3, 500, users: 60, stepMax: 2, wild: false);
        live = [.. live.Select(frame => frame with { Seconds = frame.Seconds - live.Max(f => f.Seconds) + now })];
        var counting = new Counting(new FrameRules { CorrectionHorizon = days * 86_400L, WildLimit = 7 * 86_400 }, 3, 5);
        foreach (var frame in live.Concat(history)) counting.Take(frame);
        counting.Finish();

        if (days == 400)
        {
            Assert.That(counting.Reasons, Is.Empty);
            Assert.That(Differences(Recount(live.Concat(history)), counting.Last), Is.Empty);
            return;
        }
        // The shortest window decides: days or months that could still be corrected do not take a frame that its minute cannot.
        Assert.That(counting.Reasons, Is.EquivalentTo(new Dictionary<string, int> { [DeadLetterReasons.TooLate] = history.Count }));
        Assert.That(Differences(Recount(live), counting.Last), Is.Empty);
    }

    [Test]
    public void Sets_on_disk_count_as_those_in_memory([Range(1, 3)] int seed)
    {
        var frames = FrameStream.Make(seed, 3, 6_000, users: 2_000, stepMax: 2, wild: false);
        var counting = new Counting(new FrameRules { SetBytes = 40_000, CorrectionHorizon = 30 * 86_400L }, 3, seed);
        foreach (var frame in frames) counting.Take(frame);
        Assert.That(counting.Windows.Bytes, Is.LessThanOrEqualTo(140_000), "the budget, but for the four long sets just touched");
        counting.Finish();

        Assert.Multiple(() =>
        {
            Assert.That(Differences(Recount(frames), counting.Last), Is.Empty);
            Assert.That(counting.Files.Saves, Is.GreaterThan(50));
            Assert.That(counting.Files.Count, Is.Zero, "what was dropped left nothing");
        });
    }

    [Test]
    public void A_long_window_past_its_limit_is_estimated_and_says_so_while_minutes_stay_exact()
    {
        var frames = FrameStream.Make(7, 3, 60_000, users: 20_000, stepMax: 1, wild: false);
        var counting = new Counting(new FrameRules { ExactUsers = 400, CorrectionHorizon = 30 * 86_400L }, 3, 7);
        foreach (var frame in frames) counting.Take(frame);
        counting.Finish();
        var expected = Recount(frames);

        Assert.Multiple(() =>
        {
            foreach (var (window, result) in counting.Last)
            {
                var (users, count) = expected[window];
                Assert.That(result.Frames, Is.EqualTo(count));
                Assert.That(result.StandardError, Is.EqualTo(window.Kind == WindowKind.Minute || users <= 400 ? 0 : 0.008125));
                Assert.That(result.UniqueUsers, Is.EqualTo(users).Within((long)(4 * result.StandardError * users)));
            }
        });
        Assert.That(counting.Last.Values.Count(r => r.StandardError > 0), Is.GreaterThanOrEqualTo(4));
    }

    [Test]
    public void A_frame_after_the_horizon_is_too_late_and_counts_nowhere()
    {
        var counting = new Counting(new FrameRules { CorrectionHorizon = 3600, GapFrames = 0, GapUsers = 1 }, 1, 1);
        counting.Take(new MadeFrame(0, 1_000_000, 1, false));
        counting.Take(new MadeFrame(0, 1_003_000, 2, false));
        counting.Emit();
        counting.Take(new MadeFrame(0, 1_000_001, 3, false));
        counting.Take(new MadeFrame(0, 1_006_000, 2, false));
        counting.Emit();
        counting.Take(new MadeFrame(0, 1_000_002, 4, false));
        counting.Finish();

        Assert.Multiple(() =>
        {
            Assert.That(counting.Reasons, Is.EquivalentTo(new Dictionary<string, int> { [DeadLetterReasons.TooLate] = 1 }));
            Assert.That(counting.Last[Window.Of(WindowKind.Minute, 1_000_000)], Is.EqualTo(new WindowResult(Window.Of(WindowKind.Minute, 1_000_000), 2, 2, ResultState.Corrected, 0)));
            Assert.That(counting.Last[Window.Of(WindowKind.Year, 1_000_000)].UniqueUsers, Is.EqualTo(3));
            Assert.That((counting.Windows.Late, counting.Windows.LateOf(WindowKind.Minute), counting.Windows.LateOf(WindowKind.Day)), Is.EqualTo((2, 2, 0)), "a correction, and the one too late for it");
        });
    }

    [Test]
    public void Early_then_final_then_corrected()
    {
        var counting = new Counting(new FrameRules { Kinds = [WindowKind.Minute], GapFrames = 0, GapUsers = 1 }, 1, 1);
        var states = new List<(ResultState, long)>();
        void Step(long seconds, int user)
        {
            counting.Take(new MadeFrame(0, seconds, user, false));
            states.AddRange(counting.Emit().Where(r => r.Window.Start == 600).Select(r => (r.State, r.UniqueUsers)));
        }
        Step(600, 1);
        Step(659, 2);
        Step(664, 2);
        Step(665, 2);
        Step(601, 3);

        Assert.That(states, Is.EqualTo(new[] { (ResultState.Early, 1L), (ResultState.Early, 2L), (ResultState.Final, 2L), (ResultState.Corrected, 3L) }));
    }

    private static List<string> Differences(Dictionary<Window, (long Users, long Frames)> expected, Dictionary<Window, WindowResult> found) =>
        [.. expected.Keys.Union(found.Keys)
            .Where(window => !found.TryGetValue(window, out var result) || expected.GetValueOrDefault(window) != (result.UniqueUsers, result.Frames))
            .Select(window => $"{window}: expected {expected.GetValueOrDefault(window)}, found {found.GetValueOrDefault(window)}").Take(10)];

    private static Dictionary<Window, (long Users, long Frames)> Recount(IEnumerable<MadeFrame> frames) =>
        frames.SelectMany(frame => WindowKinds.All.Select(kind => (Window: Window.Of(kind, frame.Seconds), frame.User)))
            .GroupBy(f => f.Window).ToDictionary(g => g.Key, g => ((long)g.Select(f => f.User).Distinct().Count(), (long)g.Count()));

    /// <summary>All partitions of a job, with a commit now and then.</summary>
    private sealed class Counting
    {
        private readonly PartitionFrames[] _partitions;
        private readonly PartitionTimes _times;
        private readonly Random _random;
        private long _offset;

        public Counting(FrameRules rules, int partitions, int seed)
        {
            _random = new Random(seed);
            _times = new PartitionTimes(partitions);
            Windows = new FrameWindows(rules, partitions, Files, isWritten: false);
            var hasher = new UserHasher(new byte[32]);
            _partitions = [.. Enumerable.Range(0, partitions).Select(p => new PartitionFrames(p, rules, new FrameScanner(), hasher, Windows, _times))];
        }

        public MemoryWindowFiles Files { get; } = new();
        public FrameWindows Windows { get; }
        public Dictionary<Window, WindowResult> Last { get; } = [];
        public Dictionary<string, int> Reasons { get; } = [];
        public List<string> Errors { get; } = [];
        public int Counted { get; private set; }

        public void Take(MadeFrame frame)
        {
            var outcome = _partitions[frame.Partition].Process(frame.Json(), _offset++, 0);
            Note(outcome);
            foreach (var partition in _partitions) Settle(partition);
            if (_random.Next(50) == 0) Emit();
        }

        public IReadOnlyList<WindowResult> Emit()
        {
            Windows.Advance(_times.Watermark(0));
            var results = Windows.TakeResults();
            foreach (var result in results)
            {
                if (Last.TryGetValue(result.Window, out var before) && (before.State > result.State || before.Frames > result.Frames)) Errors.Add($"{before} then {result}");
                if (result.State != ResultState.Early && result.Window.End + 5 > Windows.Watermark) Errors.Add($"{result} at {Windows.Watermark}");
                Last[result.Window] = result;
            }
            return results;
        }

        public void Finish()
        {
            foreach (var partition in _partitions)
            {
                partition.ComeToRest();
                Settle(partition);
            }
            Windows.Close();
            Emit();
        }

        private void Settle(PartitionFrames partition)
        {
            foreach (var (_, outcome) in partition.Settled) Note(outcome);
            partition.Settled.Clear();
        }

        private void Note(Outcome outcome)
        {
            if (outcome.Kind is OutcomeKind.Counted or OutcomeKind.Corrected) Counted++;
            else if (outcome.Kind == OutcomeKind.DeadLettered) Reasons[outcome.Reason] = Reasons.GetValueOrDefault(outcome.Reason) + 1;
        }
    }
}
