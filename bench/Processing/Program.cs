using System.Globalization;
using Tally.Bench.Processing;
using Tally.Shared.Kafka;

// How fast a backlog is worked off: `count` runs the engine with its job, `read` a plain consumer that only reads; `fresh` says how soon a steady stream shows. Each prints one line.
NativeKafkaLibrary.Load();
return args switch
{
    ["count", var bootstrap, var topic, var expected, var megabytes] => Counting.Run(bootstrap, topic, expected, Number(megabytes), instances: 1),
    ["count", var bootstrap, var topic, var expected, var megabytes, var instances] => Counting.Run(bootstrap, topic, expected, Number(megabytes), Number(instances)),
    ["join", var bootstrap, var topic, var run, var partitions, var instance, var megabytes] =>
        OtherInstances.Join(new EngineInstance(bootstrap, topic, run, Number(partitions), instance, Number(megabytes))),
    ["fresh", var bootstrap, var rate, var seconds] => Freshness.Run(bootstrap, Number(rate), Number(seconds)),
    ["read", var bootstrap, var topic, "one"] => Reading.Run(bootstrap, topic, batches: false),
    ["read", var bootstrap, var topic, "batch"] => Reading.Run(bootstrap, topic, batches: true),
    _ => Usage(),
};

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Usage()
{
    Console.Error.WriteLine("usage: ProcessingBench count BOOTSTRAP TOPIC EXPECTED.json BUDGET_MB [INSTANCES] | fresh BOOTSTRAP EVENTS_PER_SECOND SECONDS | read BOOTSTRAP TOPIC one|batch");
    return 2;
}

namespace Tally.Bench.Processing
{
    internal static class Line
    {
        public static void Print(string what, long records, double seconds, string more = "") => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what} records={records} elapsed_ms={seconds * 1000:F0} events_per_second={records / seconds:F0} peak_rss_mb={PeakMegabytes()} "
            + $"cpu_seconds={System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:F1}{more}"));

        private static long PeakMegabytes() => long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) / 1000;
    }
}
