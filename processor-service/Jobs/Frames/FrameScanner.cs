using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Reads the root's <c>ts</c> and <c>uid</c> of a frame and makes no objects of the rest. Names match after unescaping; the same names
/// further inside do not count; of several <c>ts</c> or <c>uid</c> at the root the first does. For one thread.
/// </summary>
/// <param name="validateTail">
/// Whether what follows both fields must be JSON too, and the whole of it UTF-8. Without it reading ends with the second field, so that a frame
/// that is cut off or damaged behind it counts.
/// </param>
public sealed class FrameScanner(bool validateTail = true)
{
    /// <summary>Latest Unix second that is a date: the end of the year 9999.</summary>
    public const long LastSecond = 253_402_300_799;

    /// <summary>Objects and arrays inside each other, at most.</summary>
    public const int DepthMax = 1024;

    private byte[] _unescaped = new byte[256];

    /// <param name="frame">The frame as it came; white space around it, a line's end say, does no harm.</param>
    /// <param name="seconds">Unix seconds, 0 to <see cref="LastSecond"/>; fractions are cut off.</param>
    /// <param name="user">The uid, unescaped; holds until the next call or the end of <paramref name="frame"/>.</param>
    public unsafe FrameFault Read(ReadOnlySpan<byte> frame, out long seconds, out ReadOnlySpan<byte> user)
    {
        seconds = 0;
        user = default;
        if (validateTail && !Utf8.IsValid(frame)) return FrameFault.NotJson;
        fixed (byte* begin = frame)
        {
            var json = new JsonSkimmer(begin, begin + frame.Length);
            json.SkipSpace();
            if (json.Next == '{')
            {
                if (!TryFind(ref json, out var timestamp, out var uid)) return FrameFault.NotJson;
                var fault = ReadTimestamp(In(frame, begin, timestamp), out seconds);
                return fault != FrameFault.None ? fault : ReadUser(In(frame, begin, uid), out user);
            }
            if (!json.SkipValue(DepthMax)) return FrameFault.NotJson;
            json.SkipSpace();
            return json.IsAtEnd ? FrameFault.NoTimestamp : FrameFault.NotJson;
        }
    }

    /// <summary>Looks for the values of both fields, and on to the end where that is asked for.</summary>
    /// <returns>False for what is no JSON.</returns>
    private unsafe bool TryFind(ref JsonSkimmer json, out Place timestamp, out Place uid)
    {
        (timestamp, uid) = (default, default);
        json.Skip('{');
        var isLast = json.Next == '}';
        while (!isLast)
        {
            var name = json.At;
            if (!json.SkipString(out var isEscaped)) return false;
            var length = (int)(json.At - name);
            var isTimestamp = timestamp.Length == 0 && Is(name, length, isEscaped, "\"ts\""u8);
            var isUser = !isTimestamp && uid.Length == 0 && Is(name, length, isEscaped, "\"uid\""u8);
            if (!json.Skip(':')) return false;
            var value = json.At;
            if (!json.SkipValue(DepthMax - 1)) return false;
            if (isTimestamp) timestamp = new Place(value, (int)(json.At - value));
            if (isUser) uid = new Place(value, (int)(json.At - value));
            if (!validateTail && timestamp.Length > 0 && uid.Length > 0) return true;
            if (!json.Skip(',')) isLast = true;
        }
        return json.Skip('}') && json.IsAtEnd;
    }

    private FrameFault ReadTimestamp(ReadOnlySpan<byte> value, out long seconds)
    {
        seconds = 0;
        if (value.IsEmpty) return FrameFault.NoTimestamp;
        if (value[0] == '"')
        {
            // As JSON writes a number: no sign but a minus, no white space.
            if (!TryText(value, out value) || value.IsEmpty || !IsNumber(value)) return FrameFault.TimestampIsNoNumber;
        }
        else if (!char.IsAsciiDigit((char)value[0]) && value[0] != '-')
        {
            return FrameFault.TimestampIsNoNumber;
        }
        if (!Utf8Parser.TryParse(value, out seconds, out var used) || used != value.Length)
            seconds = decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= LastSecond ? (long)number : -1;
        if (seconds is >= 0 and <= LastSecond) return FrameFault.None;
        seconds = 0;
        return FrameFault.TimestampOutOfRange;
    }

    private FrameFault ReadUser(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> user)
    {
        user = default;
        if (value.IsEmpty) return FrameFault.NoUser;
        if (value[0] != '"' || !TryText(value, out user) || user.IsEmpty || !(validateTail || Utf8.IsValid(value))) return FrameFault.UserIsNoText;
        return FrameFault.None;
    }

    private static unsafe bool IsNumber(ReadOnlySpan<byte> text)
    {
        fixed (byte* begin = text)
        {
            var json = new JsonSkimmer(begin, begin + text.Length);
            return (json.Next == '-' || char.IsAsciiDigit((char)json.Next)) && json.SkipValue(0) && json.IsAtEnd;
        }
    }

    private unsafe bool Is(byte* text, int length, bool isEscaped, ReadOnlySpan<byte> quoted)
    {
        var name = new ReadOnlySpan<byte>(text, length);
        if (!isEscaped) return name.SequenceEqual(quoted);
        // Every character may be written as \uXXXX, six bytes.
        return length <= quoted.Length * 6 && TryText(name, out var unescaped) && unescaped.SequenceEqual(quoted[1..^1]);
    }

    /// <param name="quoted">A string of JSON, with its quotes.</param>
    /// <param name="text">What it says; holds until the next call.</param>
    /// <returns>False for text that no UTF-8 can hold: half of a surrogate pair.</returns>
    private bool TryText(ReadOnlySpan<byte> quoted, out ReadOnlySpan<byte> text)
    {
        text = quoted[1..^1];
        if (!text.Contains((byte)'\\')) return true;
        if (_unescaped.Length < quoted.Length) _unescaped = new byte[quoted.Length];
        var reader = new Utf8JsonReader(quoted);
        reader.Read();
        try
        {
            text = _unescaped.AsSpan(0, reader.CopyString(_unescaped));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static unsafe ReadOnlySpan<byte> In(ReadOnlySpan<byte> frame, byte* begin, Place place) =>
        place.Length == 0 ? default : frame.Slice((int)(place.At - begin), place.Length);

    /// <summary>Where in the frame a value stands; without length where it is missing.</summary>
    private readonly unsafe struct Place(byte* at, int length)
    {
        public byte* At { get; } = at;

        public int Length { get; } = length;
    }
}
