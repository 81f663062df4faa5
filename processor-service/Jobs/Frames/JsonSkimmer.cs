using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Goes over JSON (RFC 8259) without making tokens of it: says whether a value is one and where it ends. Takes and refuses what
/// System.Text.Json's reader does; that reader does three times the work for a frame, of which two members are wanted. UTF-8 is not looked at.
/// </summary>
/// <param name="at">The first byte; they must stay where they are.</param>
/// <param name="end">Behind the last one.</param>
internal unsafe ref struct JsonSkimmer(byte* at, byte* end)
{
    private byte* _at = at;

    /// <summary>Where reading has come.</summary>
    public readonly byte* At => _at;

    /// <summary>What comes next; 0 at the end, and a 0 that is in the data is no JSON either.</summary>
    public readonly byte Next => _at < end ? *_at : (byte)0;

    /// <summary>Everything was read.</summary>
    public readonly bool IsAtEnd => _at == end;

    // Mostly there is none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SkipSpace()
    {
        if (_at < end && *_at <= ' ') SkipSpaces();
    }

    /// <summary>Takes one byte and the white space around it.</summary>
    /// <returns>False where another comes.</returns>
    public bool Skip(char wanted)
    {
        SkipSpace();
        if (Next != wanted) return false;
        _at++;
        SkipSpace();
        return true;
    }

    /// <summary>Goes over a string that begins here, its quotes included.</summary>
    /// <param name="isEscaped">Whether there are escapes in it.</param>
    public bool SkipString(out bool isEscaped)
    {
        isEscaped = false;
        if (Next != '"') return false;
        var from = _at + 1;
        while (true)
        {
            while (Vector256.IsHardwareAccelerated && end - from >= Vector256<byte>.Count)
            {
                var stops = Stops(from);
                // Short escapes are gone over where they are found: some texts have one in every word.
                while (stops != 0 && BitOperations.TrailingZeroCount(stops) is var at && at < 31 && from[at] == '\\' && IsShortEscape(from[at + 1]))
                {
                    isEscaped = true;
                    stops = (uint)(stops & (ulong.MaxValue << (at + 2)));
                }
                if (stops != 0)
                {
                    from += BitOperations.TrailingZeroCount(stops);
                    break;
                }
                from += Vector256<byte>.Count;
            }
            while (from < end && *from >= ' ' && *from != '"' && *from != '\\') from++;
            if (from == end) return false;
            _at = from + 1;
            if (*from == '"') return true;
            if (*from != '\\' || !SkipEscape()) return false;
            isEscaped = true;
            from = _at;
        }
    }

    /// <summary>Goes over the value that begins here, whatever is in it.</summary>
    /// <param name="levels">Objects and arrays inside each other that it may have, 1,024 at most.</param>
    public bool SkipValue(int levels) => Next is (byte)'{' or (byte)'[' ? SkipNested(levels) : SkipSingle();

    private bool SkipNested(int levels)
    {
        // A bit a level: set for an object.
        var kinds = stackalloc ulong[FrameScanner.DepthMax / 64];
        var level = 0;
        while (true)
        {
            if (Next is (byte)'{' or (byte)'[')
            {
                if (level == levels) return false;
                var isObject = *_at++ == '{';
                var bit = 1UL << (level & 63);
                if (isObject) kinds[level >> 6] |= bit;
                else kinds[level >> 6] &= ~bit;
                level++;
                SkipSpace();
                if (Next != (isObject ? '}' : ']'))
                {
                    if (isObject && !SkipName()) return false;
                    continue;
                }
            }
            else if (!SkipSingle())
            {
                return false;
            }
            // Behind a value, or at the end of an empty object or array: out of all that end here.
            while (true)
            {
                SkipSpace();
                var inObject = (kinds[(level - 1) >> 6] & (1UL << ((level - 1) & 63))) != 0;
                if (Next == ',')
                {
                    _at++;
                    SkipSpace();
                    if (inObject && !SkipName()) return false;
                    break;
                }
                if (Next != (inObject ? '}' : ']')) return false;
                _at++;
                if (--level == 0) return true;
            }
        }
    }

    private bool SkipSingle() => Next switch
    {
        (byte)'"' => SkipString(out _),
        (byte)'t' => SkipWord("true"u8),
        (byte)'f' => SkipWord("false"u8),
        (byte)'n' => SkipWord("null"u8),
        _ => SkipNumber(),
    };

    /// <summary>A name and its colon, up to the value.</summary>
    private bool SkipName() => SkipString(out _) && Skip(':');

    /// <summary>Quotes, backslashes and control characters among the next 32 bytes, a bit each.</summary>
    private static uint Stops(byte* from)
    {
        var bytes = Vector256.Load(from);
        return (Vector256.Equals(bytes, Vector256.Create((byte)'"')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\'))
            | Vector256.LessThan(bytes, Vector256.Create((byte)' '))).ExtractMostSignificantBits();
    }

    private static bool IsShortEscape(byte after) => after is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t';

    private void SkipSpaces()
    {
        var from = _at;
        while (from < end && *from is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') from++;
        _at = from;
    }

    private bool SkipWord(ReadOnlySpan<byte> word)
    {
        if (end - _at < word.Length || !new ReadOnlySpan<byte>(_at, word.Length).SequenceEqual(word)) return false;
        _at += word.Length;
        return true;
    }

    private bool SkipNumber()
    {
        if (Next == '-') _at++;
        if (Next == '0') _at++;
        else if (!SkipDigits()) return false;
        if (Next == '.')
        {
            _at++;
            if (!SkipDigits()) return false;
        }
        if (Next is not ((byte)'e' or (byte)'E')) return true;
        _at++;
        if (Next is (byte)'+' or (byte)'-') _at++;
        return SkipDigits();
    }

    /// <returns>False where there is none.</returns>
    private bool SkipDigits()
    {
        var from = _at;
        while (from < end && char.IsAsciiDigit((char)*from)) from++;
        var any = from > _at;
        _at = from;
        return any;
    }

    /// <summary>What follows a backslash.</summary>
    private bool SkipEscape()
    {
        var isShort = IsShortEscape(Next);
        if (!isShort && Next != 'u') return false;
        _at++;
        if (isShort) return true;
        for (var i = 0; i < 4; i++, _at++)
            if (!char.IsAsciiHexDigit((char)Next)) return false;
        return true;
    }
}
