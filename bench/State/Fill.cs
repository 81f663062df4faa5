using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;

namespace Tally.Bench.State;

/// <summary>
/// The job's tasks fed with made events, a tenth of them sent twice, settled and emitted every 500,000 as the engine does under backlog,
/// with snapshots; what is emitted is counted and thrown away. The uniques of every hour must come out exact.
/// </summary>
public static class Fill
{
    private const int Partitions = 8;
    private const int CommitRecords = 500_000;

    public static int Run(string order, long uniques, int hours, long megabytes)
    {
        var folder = Directory.CreateTempSubdirectory("tally-state-bench-");
        try
        {
            return Run(order, uniques, hours, megabytes, folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static int Run(string order, long uniques, int hours, long megabytes, string folder)
    {
        var options = new StateOptions { Directory = folder, MemoryBudget = megabytes * 1_000_000 };
        using var store = new StateStore(options, "bench", new LocalFiles(), new ThreadWorker(), TimeProvider.System, NullLogger.Instance);
        var tasks = Enumerable.Range(0, Partitions)
            .Select(p => new HourlyAnalyticsTask(p, Partitions, 1, 256, new UserHasher(new byte[32]), store, sketches: Sketches(p))).ToArray();
        foreach (var task in tasks) task.Local!.Load();
        var emitted = Enumerable.Range(0, Partitions).Select(_ => new Discard()).ToArray();
        var expected = new long[hours];
        var (events, repeats) = (0L, new Random(1));
        var (most, commits) = (0d, Stopwatch.StartNew());
        var made = new MadeEvents(order, uniques, hours);
        var longest = TimeSpan.Zero;
        for (var n = 0L; n < uniques; n++)
        {
            Take(n);
            expected[made.HourIndex]++;
            if (n % 10 == 9) Take(repeats.NextInt64(n));
            if (events % CommitRecords == 0) Commit();
        }
        Commit();
        var seconds = commits.Elapsed.TotalSeconds;
        var total = new long[hours];
        foreach (var (hour, count) in emitted.SelectMany(e => e.Uniques)) total[hour - 480_000] += count;
        Console.Error.WriteLine($"live managed {GC.GetTotalMemory(true) / 1_000_000} MB, RSS then {Status("VmRSS")} MB");
        var wrong = Enumerable.Range(0, hours).Count(h => total[h] != expected[h]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"fill {order}: {uniques} uniques, {hours} hours, {events} events in {seconds:F1} s = {events / seconds:F0} events/s; peak RSS {Status("VmHWM")} MB "
            + $"with a budget of {megabytes} MB (used {store.Budget.Used / 1_000_000} MB); local files {Bytes() / (double)uniques:F1} bytes a unique at the end, "
            + $"{most:F1} at the most; changelog {emitted.Sum(e => e.ChangelogBytes) / (double)uniques:F1} bytes a unique in {emitted.Sum(e => e.ChangelogRecords)} records; "
            + $"{emitted.Sum(e => e.Sketches)} sketches of {emitted.Sum(e => e.SketchBytes) / 1_000_000} MB; longest commit {longest.TotalMilliseconds:F0} ms; CPU {Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:F0} s; hours wrong: {wrong}"));
        foreach (var task in tasks) task.Dispose();
        return wrong == 0 ? 0 : 1;

        void Take(long number)
        {
            made.Make(number);
            events++;
            var partition = Murmur2.Partition(made.Key, Partitions);
            tasks[partition].Process(new LogRecord
            {
                Partition = partition,
                Offset = events,
                TimestampMs = events,
                HasKey = true,
                HasValue = true,
                Key = made.Key,
                Value = made.Value.Span,
            });
        }

        void Commit()
        {
            var began = Stopwatch.GetTimestamp();
            for (var p = 0; p < Partitions; p++)
            {
                tasks[p].Settle();
                tasks[p].Emit(events, emitted[p]);
            }
            if (tasks.FirstOrDefault(task => task.Local!.IsSnapshotDue) is { } due)
                due.Local!.TakeSnapshot(new SnapshotMark("changelog", Array.IndexOf(tasks, due), 0, new Progress()));
            if (Stopwatch.GetElapsedTime(began) is var took && took > longest) longest = took;
            if (events % (10 * CommitRecords) != 0) return;
            most = Math.Max(most, Bytes() / (events / 1.1));
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{events} events, {events / commits.Elapsed.TotalSeconds:F0}/s, RSS {Status("VmRSS")} MB, budget {store.Budget.Used / 1_000_000} MB, managed {GC.GetTotalMemory(false) / 1_000_000} MB of {GC.GetGCMemoryInfo().TotalCommittedBytes / 1_000_000} after {GC.CollectionCount(0)}/{GC.CollectionCount(1)}/{GC.CollectionCount(2)} collections, generations {string.Join("/", GC.GetGCMemoryInfo().GenerationInfo.ToArray().Select(g => g.SizeAfterBytes / 1_000_000))} of {GC.GetTotalAllocatedBytes() / 1_000_000} allocated, files {Bytes() / 1_000_000} MB"));
        }

        long Bytes() => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0);
    }

    private static long Status(string field) =>
        long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1000;

    /// <summary>SKETCHES=0 shows what counting costs without them.</summary>
    private static SketchSender? Sketches(int partition) => Environment.GetEnvironmentVariable("SKETCHES") == "0"
        ? null
        : new SketchSender(partition, 1, SketchSender.DefaultInterval, TimeProvider.System);

    private sealed class Discard : IEmit
    {
        public long Sketches { get; private set; }
        public long SketchBytes { get; private set; }
        public Dictionary<long, long> Uniques { get; } = [];
        public long ChangelogBytes { get; private set; }
        public long ChangelogRecords { get; private set; }

        public void Output(byte[] key, byte[] value, byte[] type)
        {
            var partial = HourPartial.Parser.ParseFrom(value);
            Uniques[partial.Hour] = partial.UniqueUsers;
        }

        public void Aside(byte[] key, byte[] value, byte[] type)
        {
            Sketches++;
            SketchBytes += value.Length;
        }

        public void Changelog(byte[] key, byte[] value, byte[] type)
        {
            ChangelogBytes += key.Length + value.Length;
            ChangelogRecords++;
        }

        public void ChangelogTombstone(byte[] key)
        {
        }
    }
}
