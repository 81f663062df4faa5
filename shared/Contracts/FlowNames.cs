using System.Buffers;
using System.Text.Unicode;

namespace Tally.Shared.Contracts;

/// <summary>What src_app, dest_app and vpc_id may be: 1 to 256 bytes of UTF-8 without control characters.</summary>
public static class FlowNames
{
    public const int BytesMax = 256;

    private static readonly SearchValues<byte> Ascii = SearchValues.Create([.. Enumerable.Range(0, 32).Select(c => (byte)c), 0x7f]);

    /// <summary>True when the bytes may stand as a name.</summary>
    public static bool IsValid(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= BytesMax && !HoldsControl(name) && Utf8.IsValid(name);

    /// <summary>True for U+0000 to U+001F and U+007F to U+009F.</summary>
    public static bool HoldsControl(ReadOnlySpan<byte> name)
    {
        if (name.ContainsAny(Ascii)) return true;
        // U+0080 to U+009F are C2 80 to C2 9F in UTF-8, and C2 stands nowhere else but before such a byte.
        for (int at; (at = name.IndexOf((byte)0xc2)) >= 0; name = name[(at + 1)..])
            if (at + 1 < name.Length && name[at + 1] is >= 0x80 and <= 0x9f) return true;
        return false;
    }
}
