using System.Buffers.Text;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>In the order in which events of one timestamp stand: a set may have the same one three times.</summary>
public enum Colour
{
    Red,
    Green,
    Blue,
}

/// <summary>Reads <c>R_{ts}</c>, <c>G_{ts}</c>, <c>B_{ts}</c>; ts is a 64-bit integer.</summary>
public static class ColourEvent
{
    public static bool TryRead(ReadOnlySpan<byte> value, out Colour colour, out long timestamp)
    {
        (colour, timestamp) = (default, 0);
        if (value.Length < 3 || value[1] != (byte)'_') return false;
        colour = value[0] switch
        {
            (byte)'R' => Colour.Red,
            (byte)'G' => Colour.Green,
            (byte)'B' => Colour.Blue,
            _ => (Colour)(-1),
        };
        // A plus would be taken by the parser.
        return (int)colour >= 0 && value[2] != (byte)'+' && Utf8Parser.TryParse(value[2..], out timestamp, out var used) && used == value.Length - 2;
    }
}
