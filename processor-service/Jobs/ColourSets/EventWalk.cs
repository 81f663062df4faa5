namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Walks through sorted events of three colours in the order of their timestamps, red before green before blue where they are equal.</summary>
public ref struct EventWalk(ReadOnlySpan<long> reds, ReadOnlySpan<long> greens, ReadOnlySpan<long> blues)
{
    private readonly ReadOnlySpan<long> _reds = reds;
    private readonly ReadOnlySpan<long> _greens = greens;
    private readonly ReadOnlySpan<long> _blues = blues;
    private int _red;
    private int _green;
    private int _blue;

    public Colour Colour { get; private set; }

    public long Timestamp { get; private set; }

    public bool Next()
    {
        var (red, green, blue) = (_red < _reds.Length, _green < _greens.Length, _blue < _blues.Length);
        if (red && (!green || _reds[_red] <= _greens[_green]) && (!blue || _reds[_red] <= _blues[_blue]))
            (Colour, Timestamp) = (Colour.Red, _reds[_red++]);
        else if (green && (!blue || _greens[_green] <= _blues[_blue]))
            (Colour, Timestamp) = (Colour.Green, _greens[_green++]);
        else if (blue)
            (Colour, Timestamp) = (Colour.Blue, _blues[_blue++]);
        else
            return false;
        return true;
    }
}
