namespace Tally.ProcessorService.State;

/// <summary>
/// The hours whose state was dropped for good, a bit an hour in pages of 4,096 hours: small, exact, and an hour that never had an event
/// is not among them.
/// </summary>
public sealed class DroppedHours
{
    public const int PageHours = 4096;
    public const int PageBytes = PageHours / 8;

    private readonly SortedDictionary<long, byte[]> _pages = [];

    /// <summary>First hour of each page with its bits.</summary>
    public IEnumerable<KeyValuePair<long, byte[]>> Pages => _pages;

    public bool Contains(long hour) =>
        _pages.Count > 0 && _pages.TryGetValue(PageOf(hour), out var page) && (page[Byte(hour)] & Bit(hour)) != 0;

    /// <returns>First hour of the page it changed.</returns>
    public long Add(long hour)
    {
        var first = PageOf(hour);
        if (!_pages.TryGetValue(first, out var page)) _pages.Add(first, page = new byte[PageBytes]);
        page[Byte(hour)] |= Bit(hour);
        return first;
    }

    public ReadOnlySpan<byte> Page(long first) => _pages[first];

    /// <summary>Takes over a page: hours are only ever added.</summary>
    /// <returns>The hours that it adds.</returns>
    /// <exception cref="InvalidDataException">It is no page.</exception>
    public IReadOnlyList<long> Add(long first, ReadOnlySpan<byte> bits)
    {
        if (bits.Length != PageBytes || first < 0 || first % PageHours != 0) throw new InvalidDataException($"The record of dropped hours from {first} on is damaged.");
        var added = new List<long>();
        for (var hour = first; hour < first + PageHours; hour++)
        {
            if ((bits[Byte(hour)] & Bit(hour)) == 0 || Contains(hour)) continue;
            Add(hour);
            added.Add(hour);
        }
        return added;
    }

    private static long PageOf(long hour) => hour - (hour % PageHours);

    private static int Byte(long hour) => (int)(hour % PageHours / 8);

    private static byte Bit(long hour) => (byte)(1 << (int)(hour % 8));
}
