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

    private static readonly JsonReaderOptions Options = new() { MaxDepth = DepthMax };

    private byte[] _unescaped = new byte[256];
    private byte[] _user = new byte[64];

    /// <summary>Where in the frame the uid begins; below 0 when it was unescaped.</summary>
    private int _userStart;
    private int _userLength;

    /// <param name="frame">The frame as it came; white space around it, a line's end say, does no harm.</param>
    /// <param name="seconds">Unix seconds, 0 to <see cref="LastSecond"/>; fractions are cut off.</param>
    /// <param name="user">The uid, unescaped; holds until the next call or the end of <paramref name="frame"/>.</param>
    public FrameFault Read(ReadOnlySpan<byte> frame, out long seconds, out ReadOnlySpan<byte> user)
    {
        seconds = 0;
        user = default;
        try
        {
            if (validateTail && !Utf8.IsValid(frame)) return FrameFault.NotJson;
            var reader = new Utf8JsonReader(frame, Options);
            reader.Read();
            var fault = reader.TokenType == JsonTokenType.StartObject ? ReadRoot(ref reader, out seconds) : FrameFault.NoTimestamp;
            if (validateTail) ReadToEnd(ref reader);
            if (fault == FrameFault.None) user = _userStart < 0 ? _user.AsSpan(0, _userLength) : frame.Slice(_userStart, _userLength);
            return fault;
        }
        catch (JsonException)
        {
            return FrameFault.NotJson;
        }
    }

    private FrameFault ReadRoot(ref Utf8JsonReader reader, out long seconds)
    {
        seconds = 0;
        FrameFault ofTimestamp = FrameFault.NoTimestamp, ofUser = FrameFault.NoUser;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isTimestamp = ofTimestamp == FrameFault.NoTimestamp && Is(ref reader, "ts"u8);
            var isUser = !isTimestamp && ofUser == FrameFault.NoUser && Is(ref reader, "uid"u8);
            reader.Read();
            if (isTimestamp) ofTimestamp = ReadTimestamp(ref reader, out seconds);
            if (isUser) ofUser = ReadUser(ref reader);
            if ((isTimestamp || isUser) && !validateTail && ofTimestamp != FrameFault.NoTimestamp && ofUser != FrameFault.NoUser) break;
            reader.Skip();
        }
        return ofTimestamp != FrameFault.None ? ofTimestamp : ofUser;
    }

    private FrameFault ReadTimestamp(ref Utf8JsonReader reader, out long seconds)
    {
        seconds = 0;
        if (reader.TokenType == JsonTokenType.Number) return ReadNumber(ref reader, out seconds);
        if (reader.TokenType != JsonTokenType.String || !TryUnescape(ref reader, out var text)) return FrameFault.TimestampIsNoNumber;
        // As JSON writes a number: no sign but a minus, no white space.
        if (text.Length == 0 || !char.IsAsciiDigit((char)text[^1]) || !(text[0] == '-' || char.IsAsciiDigit((char)text[0]))) return FrameFault.TimestampIsNoNumber;
        try
        {
            var inner = new Utf8JsonReader(text);
            inner.Read();
            var fault = ReadNumber(ref inner, out seconds);
            return inner.Read() ? FrameFault.TimestampIsNoNumber : fault;
        }
        catch (JsonException)
        {
            return FrameFault.TimestampIsNoNumber;
        }
    }

    private static FrameFault ReadNumber(ref Utf8JsonReader reader, out long seconds)
    {
        if (!reader.TryGetInt64(out seconds))
        {
            seconds = -1;
            if (reader.TryGetDecimal(out var number) && number is >= 0 and <= LastSecond) seconds = (long)number;
        }
        if (seconds is >= 0 and <= LastSecond) return FrameFault.None;
        seconds = 0;
        return FrameFault.TimestampOutOfRange;
    }

    private FrameFault ReadUser(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String) return FrameFault.UserIsNoText;
        if (!reader.ValueIsEscaped)
        {
            (_userStart, _userLength) = ((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);
            return _userLength > 0 && (validateTail || Utf8.IsValid(reader.ValueSpan)) ? FrameFault.None : FrameFault.UserIsNoText;
        }
        if (!TryUnescape(ref reader, out var unescaped)) return FrameFault.UserIsNoText;
        // Reading goes on over the buffer that unescapes.
        if (_user.Length < unescaped.Length) _user = new byte[unescaped.Length];
        unescaped.CopyTo(_user);
        (_userStart, _userLength) = (-1, unescaped.Length);
        return FrameFault.None;
    }

    private bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.ValueIsEscaped) return reader.ValueSpan.SequenceEqual(name);
        // Every character may be written as \uXXXX, six bytes.
        return reader.ValueSpan.Length <= name.Length * 6 && TryUnescape(ref reader, out var unescaped) && unescaped.SequenceEqual(name);
    }

    /// <returns>False for text that no UTF-8 can hold: half of a surrogate pair.</returns>
    private bool TryUnescape(ref Utf8JsonReader reader, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (_unescaped.Length < reader.ValueSpan.Length) _unescaped = new byte[reader.ValueSpan.Length];
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

    private static void ReadToEnd(ref Utf8JsonReader reader)
    {
        while (reader.Read())
        {
        }
    }
}
