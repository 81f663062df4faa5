using System.Diagnostics;
using Google.Protobuf;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.Bench.Range;

/// <summary>Two years of hours through the materializer's own stores: users come back from hour to hour out of a pool that slowly moves on.</summary>
internal sealed class Filling(ArchiveDatabase database, int users)
{
    public const int Partitions = 8;

    /// <summary>2024-01-01T00Z and two years later, in hours.</summary>
    public const long Begin = 473_352;
    public const long End = Begin + (731 * 24);

    private const int HoursOfBatch = 12;

    public async Task RunAsync()
    {
        var (counts, sketches) = (new SqlHourStore(database), new SqlSketchStore(database));
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var random = new Random(1);
        var began = Stopwatch.GetTimestamp();
        var sketching = TimeSpan.Zero;
        for (var hour = Begin; hour < End; hour += HoursOfBatch)
        {
            var at = hour - Begin;
            var ranges = Enumerable.Range(0, Partitions).Select(p => new ReadRange(p, at, at + HoursOfBatch)).ToList();
            var made = Enumerable.Range(0, HoursOfBatch).SelectMany(h => Enumerable.Range(0, Partitions).Select(p => Sketch(random, hour + h, p))).ToList();
            var partials = made.Select(s => new HourPartial
            {
                Hour = s.Hour,
                Partition = s.Partition,
                Generation = 1,
                NextOffset = s.NextOffset,
                UniqueUsers = s.Users,
                Clicks = 2 * s.Users,
                Impressions = 9 * s.Users,
            }).ToList();
            var progress = Enumerable.Range(0, Partitions)
                .Select(p => new Progress { Generation = 1, Partition = p, PartitionCount = Partitions, NextOffset = at + HoursOfBatch, AsOfMs = now + 86_400_000 }).ToList();
            await counts.WriteAsync(new SinkBatch<HourPartial>("hours", ranges, partials, progress), CancellationToken.None);
            var before = Stopwatch.GetTimestamp();
            await sketches.WriteAsync(new SinkBatch<HourSketch>("sketches", ranges, made, []), CancellationToken.None);
            sketching += Stopwatch.GetElapsedTime(before);
        }
        var all = (End - Begin) * Partitions;
        Console.WriteLine($"filled {all} rows of {users} users in {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s; sketches were written and merged at {all / sketching.TotalSeconds:0}/s");
    }

    private HourSketch Sketch(Random random, long hour, int partition)
    {
        var sketch = new HyperLogLog();
        // Half a year later nobody is the same.
        var oldest = (hour - Begin) * users / 10;
        var seen = new HashSet<long>();
        while (seen.Count < users) seen.Add(oldest + random.NextInt64(users * 440L));
        foreach (var user in seen) sketch.Add(Hash((user * Partitions) + partition));
        return new HourSketch
        {
            Hour = hour,
            Partition = partition,
            Generation = 1,
            NextOffset = hour - Begin + 1,
            Users = users,
            Sketch = ByteString.CopyFrom(HyperLogLogFormat.Write(sketch)),
        };
    }

    /// <summary>SplitMix64: each bit depends on each.</summary>
    private static UInt128 Hash(long user)
    {
        var bits = (ulong)user * 0x9E37_79B9_7F4A_7C15;
        bits = (bits ^ (bits >> 30)) * 0xBF58_476D_1CE4_E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D0_49BB_1331_11EB;
        return new UInt128(bits ^ (bits >> 31), 0);
    }
}
