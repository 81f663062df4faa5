using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>Places in the events' topic, of each partition the furthest: <c>p.o,p.o…</c> as <c>Tally-Position</c> has them. Immutable.</summary>
public sealed class PositionSet
{
    private const int MaxPartitionDigits = 4;
    private const int MaxOffsetDigits = 18;

    private readonly SortedDictionary<int, long> _offsets = [];

    private PositionSet()
    {
    }

    /// <summary>Partition and offset of each.</summary>
    public IEnumerable<(int Partition, long Offset)> All => _offsets.Select(p => (p.Key, p.Value));

    /// <param name="text">Several separated by commas; digits only.</param>
    /// <param name="positions">Of a partition named twice, the furthest.</param>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out PositionSet? positions)
    {
        positions = null;
        var set = new PositionSet();
        foreach (var range in text.Split(','))
        {
            var one = text[range].Trim(' ');
            var dot = one.IndexOf('.');
            if (dot < 0 || !TryRead(one[..dot], MaxPartitionDigits, out var partition) || !TryRead(one[(dot + 1)..], MaxOffsetDigits, out var offset)) return false;
            set.Add((int)partition, offset);
        }
        positions = set;
        return true;
    }

    /// <summary>Both; either may be null.</summary>
    public static PositionSet? Union(PositionSet? a, PositionSet? b)
    {
        if (a is null || b is null) return a ?? b;
        var both = new PositionSet();
        foreach (var (partition, offset) in a.All.Concat(b.All)) both.Add(partition, offset);
        return both;
    }

    /// <summary>True when every one of these events is in the numbers of a source that has come so far.</summary>
    public bool ReachedBy(SourceProgress progress)
    {
        foreach (var (partition, offset) in _offsets)
            if (!progress.HasReached(partition, offset)) return false;
        return true;
    }

    public override string ToString() => string.Join(',', _offsets.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}.{p.Value}")));

    private void Add(int partition, long offset)
    {
        if (!_offsets.TryGetValue(partition, out var held) || held < offset) _offsets[partition] = offset;
    }

    private static bool TryRead(ReadOnlySpan<char> digits, int most, out long number) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number) && digits.Length <= most;
}
