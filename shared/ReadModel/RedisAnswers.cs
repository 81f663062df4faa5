using System.Globalization;
using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>Reads what the scripts return.</summary>
internal static class RedisAnswers
{
    private const int MaxPartitionDigits = 4;

    /// <summary>A progress hash as HGETALL gives it: field, value, field, value.</summary>
    public static SourceProgress Progress(RedisResult answer)
    {
        var flat = (RedisResult[])answer!;
        var partitions = 0;
        var known = new List<PartitionProgress>();
        for (var i = 0; i + 1 < flat.Length; i += 2)
        {
            var field = (string)flat[i]!;
            var value = (string)flat[i + 1]!;
            if (field == "partitions") partitions = int.Parse(value, CultureInfo.InvariantCulture);
            else known.Add(Partition(int.Parse(field, CultureInfo.InvariantCulture), value));
        }
        // Until the first progress record tells how many there are, those seen are all that is known.
        if (partitions == 0) partitions = known.Count == 0 ? 0 : known.Max(p => p.Partition) + 1;
        return new SourceProgress(partitions, known);
    }

    public static PartitionProgress Partition(int partition, string value)
    {
        var parts = value.Split(' ');
        if (parts.Length != 4) throw new RedisDamagedException($"Progress of partition {partition} in Redis is no progress: '{value}'.");
        return new PartitionProgress((int)Number(parts[0]), partition, Number(parts[1]), Number(parts[2]), Number(parts[3]));
    }

    /// <summary><c>p.n,p.n…</c>: next offsets by partition.</summary>
    public static long[] Ahead(string text)
    {
        var ahead = new SortedDictionary<int, long>();
        foreach (var entry in text.Split(','))
        {
            var parts = entry.Split('.');
            if (parts.Length != 2 || parts[0].Length > MaxPartitionDigits) throw new RedisDamagedException($"The field 'ahead' of an hour in Redis is not ours: '{text}'.");
            ahead[(int)Number(parts[0])] = Number(parts[1]);
        }
        var countedTo = new long[ahead.Keys.Last() + 1];
        foreach (var (partition, next) in ahead) countedTo[partition] = next;
        return countedTo;
    }

    public static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}

/// <summary>Something else wrote to our keys.</summary>
public sealed class RedisDamagedException(string message) : Exception(message);
