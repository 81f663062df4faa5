using System.Globalization;
using System.Text;

namespace Tally.Tests.Unit.Frames;

/// <summary>A frame of a made stream.</summary>
public readonly record struct MadeFrame(int Partition, long Seconds, int User, bool IsWild)
{
    public byte[] Json() => Encoding.UTF8.GetBytes(User % 2 == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{{\"a\":{{\"ts\":1,\"uid\":\"x\"}},\"ts\":{Seconds},\"uid\":\"user-{User}\"}}\r\n")
        : string.Create(CultureInfo.InvariantCulture, $"{{\"uid\":\"user-{User}\",\"b\":[{{\"uid\":2}}],\"ts\":\"{Seconds}\"}}"));
}

/// <summary>
/// Frames over some weeks or years, from the year's end on: steps of time, 5 % of the frames up to 30 s late and a few far more, random partitions, a wild
/// ts here and there, one of them the very first of its partition.
/// </summary>
public static class FrameStream
{
    public static List<MadeFrame> Make(int seed, int partitions, int count, int users, int stepMax, bool wild)
    {
        var random = new Random(seed);
        var frames = new List<MadeFrame>();
        // Two hours before a year ends.
        var now = 1_609_459_200L - 7200;
        for (var i = 0; i < count; i++)
        {
            now += random.Next(stepMax + 1);
            var late = random.Next(100) switch { 0 => random.Next(100) == 0 ? random.Next(300_000) : random.Next(200), < 6 => random.Next(31), _ => random.Next(2) };
            frames.Add(new MadeFrame(random.Next(partitions), now - late, random.Next(users), false));
            if (wild && random.Next(300) == 0) frames.Add(new MadeFrame(random.Next(partitions), now + (1L << random.Next(23, 30)), random.Next(users), true));
        }
        if (wild) frames.Insert(0, new MadeFrame(0, now + (1L << 29), 1, true));
        return frames;
    }
}
