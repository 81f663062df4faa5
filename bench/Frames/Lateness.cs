using System.Globalization;
using System.Text;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Contracts;

namespace Tally.Bench.Frames;

/// <summary>
/// One stream of 200 frames a second, counted with several latenesses: how many frames come after their window was final, and how long after its end that is. Of the
/// frames 95 % come within a second, 99.9 % within five, one in ten thousand up to an hour late. Time is that of the stream.
/// </summary>
public static class Lateness
{
    private const int PerSecond = 200;
    private const int Users = 5_000;

    public static int Run(int count, int seed)
    {
        var frames = Make(count, seed);
        Console.WriteLine($"{count} frames, seed {seed}, {PerSecond} a second, {Users} users; the table is in the form of docs");
        Console.WriteLine("| lateness | error rate, all | minute | day | minutes corrected | users missing when final | final after the end, mean / most |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var lateness in (long[])[0, 1, 5, 60, 3600]) Console.WriteLine(Count(frames, lateness));
        return 0;
    }

    private static string Count(List<(double At, long Seconds, int User)> frames, long lateness)
    {
        var rules = new FrameRules { Lateness = lateness, WildLimit = 7200 };
        using var windows = new FrameWindows(rules, 1, new NoFiles(), isWritten: false);
        var times = new PartitionTimes(1);
        var partition = new PartitionFrames(0, rules, new FrameScanner(), new UserHasher(new byte[32]), windows, times);
        var (firstFinal, last, waits) = (new Dictionary<Window, long>(), new Dictionary<Window, WindowResult>(), new List<double>());
        var (offset, next) = (0L, 0d);
        foreach (var (at, seconds, user) in frames)
        {
            partition.Process(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"ts\":{seconds},\"uid\":\"{user}\"}}")), offset++, 0);
            partition.Settled.Clear();
            if (at < next) continue;
            // As often as the processor commits.
            next = at + 0.1;
            foreach (var result in windows.TakeResults())
            {
                last[result.Window] = result;
                // Minutes from before the stream are known by late frames only.
                if (result.State == ResultState.Early || result.Window.Kind != WindowKind.Minute || result.Window.Start < frames[0].At || !firstFinal.TryAdd(result.Window, result.UniqueUsers)) continue;
                waits.Add(at - result.Window.End);
            }
        }
        foreach (var result in windows.TakeResults()) last[result.Window] = result;
        var missing = firstFinal.Sum(f => last[f.Key].UniqueUsers - f.Value) / (double)firstFinal.Sum(f => last[f.Key].UniqueUsers);
        var corrected = firstFinal.Count(f => last[f.Key].State == ResultState.Corrected) / (double)firstFinal.Count;
        return string.Create(CultureInfo.InvariantCulture,
            $"| {lateness} s | {windows.Late / (double)offset:P4} | {windows.LateOf(WindowKind.Minute) / (double)offset:P4} | {windows.LateOf(WindowKind.Day) / (double)offset:P4} "
            + $"| {corrected:P1} | {missing:P4} | {waits.Average():F1} s / {waits.Max():F1} s |");
    }

    private static List<(double At, long Seconds, int User)> Make(int count, int seed)
    {
        var random = new Random(seed);
        var begin = new DateTimeOffset(2026, 1, 1, 23, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        var frames = new List<(double At, long Seconds, int User)>(count);
        for (var n = 0; n < count; n++)
        {
            var at = begin + (n / (double)PerSecond);
            var delay = random.Next(10_000) switch { 0 => random.NextDouble() * 3600, < 10 => 5 + (random.NextDouble() * 55), < 500 => 1 + (random.NextDouble() * 4), _ => random.NextDouble() };
            frames.Add((at, (long)(at - delay), random.Next(Users)));
        }
        return frames;
    }

    private sealed class NoFiles : IWindowFiles
    {
        public void Save(Window window, ReadOnlySpan<UInt128> users) => throw new NotSupportedException("Everything has room in memory.");

        public UInt128[] Load(Window window) => throw new NotSupportedException();

        public void Remove(Window window)
        {
        }
    }
}
