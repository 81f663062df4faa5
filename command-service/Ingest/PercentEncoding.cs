using System.Buffers;
using System.Text.Unicode;

namespace Tally.CommandService.Ingest;

/// <summary>Why a text was not taken.</summary>
public enum TextFault
{
    None,
    TooLong,
    BadEscape,
    NotAscii,
    NotUtf8,
    ControlCharacter,
}

/// <summary>
/// Decodes one name or value of a query strictly. ASP.NET's own decoding would hide what must be refused: it leaves a bad escape as
/// it is and turns invalid UTF-8 into U+FFFD, so that different users became one.
/// </summary>
/// <remarks>
/// A plus is a space, as in every HTML form and in the query parser of every framework: encoders write a real plus as %2B.
/// Text is not normalised: NFC and NFD forms of one name are two users.
/// </remarks>
public static class PercentEncoding
{
    // Beside C0 and DEL the first byte of the C1 controls (U+0080 to U+009F are C2 80 to C2 9F).
    private static readonly SearchValues<byte> MayBeControl = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(b => (byte)b), 0x7F, 0xC2]);

    /// <summary>Decodes <paramref name="text"/> into <paramref name="destination"/>, whose length is the limit.</summary>
    public static TextFault Decode(ReadOnlySpan<char> text, Span<byte> destination, out int written)
    {
        written = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (written == destination.Length) return TextFault.TooLong;
            var c = text[i];
            if (c == '%')
            {
                if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])) return TextFault.BadEscape;
                destination[written++] = (byte)((Hex(text[i + 1]) << 4) | Hex(text[i + 2]));
                i += 2;
            }
            else if (c < 0x80)
            {
                destination[written++] = c == '+' ? (byte)' ' : (byte)c;
            }
            else
            {
                return TextFault.NotAscii;
            }
        }
        return Check(destination[..written]);
    }

    /// <summary>Refuses what is no strict UTF-8 (overlong forms and surrogates among it) and every control character.</summary>
    public static TextFault Check(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text)) return TextFault.NotUtf8;
        for (var at = text.IndexOfAny(MayBeControl); at >= 0; at = text.IndexOfAny(MayBeControl))
        {
            if (text[at] != 0xC2 || text[at + 1] < 0xA0) return TextFault.ControlCharacter;
            text = text[(at + 2)..];
        }
        return TextFault.None;
    }

    private static int Hex(char c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}
