using System.Globalization;
using System.Text;
using Confluent.Kafka;

namespace Tally.Feed;

/// <summary>
/// Colours on three streams. alternate: R, G, B, R, G, B…; burst: ten thousand of one colour, then of the next; out-of-order: each G, B, R, so that
/// the R of a set comes last.
/// </summary>
public sealed class ColourSource : IFeedSource
{
    private const int Burst = 10_000;
    private readonly long _count;
    private readonly Func<long, (char Colour, long Timestamp)> _make;

    public ColourSource(long count, string scenario, TimeProvider clock)
    {
        _count = count;
        var begin = clock.GetUtcNow().ToUnixTimeMilliseconds();
        _make = scenario switch
        {
            "alternate" => n => ("RGB"[(int)(n % 3)], begin + n),
            "burst" => n => ("RGB"[(int)(n / Burst % 3)], begin + n),
            // Timestamps say R, G, B; the order of coming does not.
            "out-of-order" => n => ("GBR"[(int)(n % 3)], begin + n - (n % 3) + (n % 3) switch { 0 => 1, 1 => 2, _ => 0 }),
            _ => throw new FormatException($"SCENARIO is '{scenario}': it must be alternate, burst or out-of-order"),
        };
    }

    public string Topic => "events";

    public (string Name, int Count)? Inside => null;

    public IEnumerable<(int? Partition, Message<byte[]?, byte[]?> Message)> Records
    {
        get
        {
            for (long n = 0; n < _count; n++)
            {
                var (colour, timestamp) = _make(n);
                var value = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{colour}_{timestamp}"));
                yield return ((int)(n % 3), new Message<byte[]?, byte[]?> { Value = value });
            }
        }
    }
}
