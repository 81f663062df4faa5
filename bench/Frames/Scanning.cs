using System.Diagnostics;
using System.Text.Json;
using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Bench.Frames;

/// <summary>What reading the two fields of a frame takes: the scanner with and without the tail, beside a document of objects. One thread, no Kafka.</summary>
public static class Scanning
{
    private const int Rounds = 20;

    public static int Run(string file)
    {
        var frames = FrameFile.Read(file);
        var bytes = frames.Sum(frame => (long)frame.Length);
        var (whole, head) = (new FrameScanner(validateTail: true), new FrameScanner(validateTail: false));
        foreach (var (name, read) in (IEnumerable<(string, Func<byte[], long>)>)
            [
                ("scanner tail=validated", frame => whole.Read(frame, out var seconds, out var user) == FrameFault.None ? seconds + user.Length : -1),
                ("scanner tail=ignored", frame => head.Read(frame, out var seconds, out var user) == FrameFault.None ? seconds + user.Length : -1),
                ("document", Document),
            ])
        {
            Time(frames, read, 3);
            var (took, sum) = Time(frames, read, Rounds);
            Line.Print($"{name} sum={sum} ns_per_frame={took / frames.Length / Rounds * 1e9:F0}", (long)frames.Length * Rounds, bytes * Rounds, took);
        }
        return 0;
    }

    private static (double Seconds, long Sum) Time(byte[][] frames, Func<byte[], long> read, int rounds)
    {
        var began = Stopwatch.GetTimestamp();
        var sum = 0L;
        for (var round = 0; round < rounds; round++)
            foreach (var frame in frames) sum += read(frame);
        return (Stopwatch.GetElapsedTime(began).TotalSeconds, sum / rounds);
    }

    private static long Document(byte[] frame)
    {
        using var json = JsonDocument.Parse(frame);
        var ts = json.RootElement.GetProperty("ts");
        var seconds = ts.ValueKind == JsonValueKind.Number ? ts.GetInt64() : long.Parse(ts.GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        return seconds + System.Text.Encoding.UTF8.GetByteCount(json.RootElement.GetProperty("uid").GetString()!);
    }
}
