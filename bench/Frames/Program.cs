using System.Globalization;
using Tally.Bench.Frames;
using Tally.ProcessorService.State;
using Tally.Shared.Kafka;

// The frames job measured: `count` runs the engine with it, `grow` makes a topic of larger frames, `scan` and `forms` take the reading of a frame alone,
// `live` sends frames of now into a running stack, `lateness` counts one stream with several latenesses, `sketch` measures its error, `merge` what parts of
// a window cost to put together. Each prints one line a figure.
NativeKafkaLibrary.Load();
NativeHeap.Tune();
return args switch
{
    ["count", var bootstrap, var topic, var expected, var windows, var tail] => Counting.Run(bootstrap, topic, expected, windows, validateTail: tail == "whole"),
    ["grow", var bootstrap, var from, var to, var bytes] => Growing.Run(bootstrap, from, to, int.Parse(bytes, CultureInfo.InvariantCulture)),
    ["scan", var file] => Scanning.Run(file),
    ["forms", var file] => Forms.Run(file),
    ["lateness", var count, var seed] => Lateness.Run(int.Parse(count, CultureInfo.InvariantCulture), int.Parse(seed, CultureInfo.InvariantCulture)),
    ["live", var bootstrap, var rate, var seconds] => await Live.RunAsync(bootstrap, int.Parse(rate, CultureInfo.InvariantCulture), TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture))),
    ["merge", var parts, var seed] => Merging.Run(int.Parse(parts, CultureInfo.InvariantCulture), int.Parse(seed, CultureInfo.InvariantCulture)),
    ["sketch", var runs, var seed] => Sketching.Run(int.Parse(runs, CultureInfo.InvariantCulture), int.Parse(seed, CultureInfo.InvariantCulture)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: FramesBench count BOOTSTRAP TOPIC EXPECTED.json WINDOWS whole|head | grow BOOTSTRAP FROM TO BYTES | scan FILE.jsonl[.gz] | forms FILE.jsonl[.gz] | live BOOTSTRAP RATE SECONDS | lateness COUNT SEED | sketch RUNS SEED | merge PARTS SEED");
    return 2;
}
