using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;

namespace Tally.Bench.State;

/// <summary>
/// A week of commits of 100 ms in one partition, a few events each, 95 % of them of the current hour: what a compacted changelog then holds, and how
/// long restoring from it takes. The log is a table of the newest record of each key; a real one holds up to its dirty part more.
/// </summary>
public static class Week
{
    private const int CommitsPerHour = 36_000;
    private const int HoursOfWeek = 168;

    public static int Run(int eventsPerCommit, int usersPerHour)
    {
        var log = new CompactedLog();
        var hasher = new UserHasher(new byte[32]);
        var uniques = 0L;
        using (var task = new HourlyAnalyticsTask(0, 1, 1, new ProcessorOptions().ChunkHashes, hasher))
        {
            var (random, offset) = (new Random(1), 0L);
            var made = new MadeEvents("current", long.MaxValue, 1);
            for (var commit = 0L; commit < (long)HoursOfWeek * CommitsPerHour; commit++)
            {
                var current = commit / CommitsPerHour;
                for (var n = 0; n < eventsPerCommit; n++)
                {
                    var hour = random.Next(20) > 0 ? current : random.NextInt64(current + 1);
                    made.Make(random.Next(usersPerHour), hour);
                    task.Process(new LogRecord { Offset = offset++, TimestampMs = offset, HasKey = true, HasValue = true, Key = made.Key, Value = made.Value.Span });
                }
                task.Settle();
                task.Emit(offset, log);
            }
            uniques = log.Uniques;
        }
        var records = log.InOrder();
        var began = Stopwatch.GetTimestamp();
        using (var restored = new HourlyAnalyticsTask(0, 1, 1, new ProcessorOptions().ChunkHashes, hasher))
        {
            foreach (var (key, value) in records) restored.Restore(key, value, null);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var bytes = records.Sum(record => (long)record.Key.Length + record.Value.Length);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"week of {(long)HoursOfWeek * CommitsPerHour} commits: {log.Written} changelog records and {log.WrittenBytes / 1_000_000} MB written, {records.Count} records and {bytes / 1_000_000} MB "
                + $"after compaction for {uniques} uniques ({(double)bytes / uniques:F1} bytes each); restored in {seconds:F2} s, {uniques / seconds:F0} uniques/s"));
        }
        return 0;
    }

    private sealed class CompactedLog : IEmit
    {
        private readonly Dictionary<string, (long Order, byte[] Value)> _newest = [];
        private readonly Dictionary<long, long> _uniques = [];

        public long Written { get; private set; }
        public long WrittenBytes { get; private set; }
        public long Uniques => _uniques.Values.Sum();

        public void Output(byte[] key, byte[] value, byte[] type)
        {
            var partial = HourPartial.Parser.ParseFrom(value);
            _uniques[partial.Hour] = partial.UniqueUsers;
        }

        public void Changelog(byte[] key, byte[] value, byte[] type)
        {
            _newest[Encoding.ASCII.GetString(key)] = (Written++, value);
            WrittenBytes += key.Length + value.Length;
        }

        public void ChangelogTombstone(byte[] key) => _newest.Remove(Encoding.ASCII.GetString(key));

        public List<(byte[] Key, byte[] Value)> InOrder() => [.. _newest.OrderBy(r => r.Value.Order).Select(r => (Encoding.ASCII.GetBytes(r.Key), r.Value.Value))];
    }
}
