using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Flows;

/// <summary>
/// Reads a JSON array of flows as it comes in and writes it down as a <see cref="FlowArray"/>. Strict: every field once, no other, names and
/// numbers as the rules say; the first fault ends it.
/// </summary>
public sealed class FlowArrayReader(int maxElements)
{
    private static readonly JsonReaderOptions Strict = new() { MaxDepth = 8 };

    private readonly FlowWriter _flow = new();
    private readonly byte[] _scratch = new byte[MostEscaped];
    private JsonReaderState _state = new(Strict);
    private Phase _phase;
    private FlowField _field = FlowField.All[0];

    // Six bytes are the longest way to write one: \u0041.
    private const int MostEscaped = 6 * FlowNames.BytesMax;

    private enum Phase
    {
        Start,
        Element,
        Field,
        Value,
        End,
    }

    /// <summary>Elements read so far.</summary>
    public int Count { get; private set; }

    /// <summary>The array as a <see cref="FlowArray"/>; whole when the last part was read without a fault.</summary>
    public ReadOnlyMemory<byte> Written => _flow.Written;

    /// <summary>Takes the next part of the body.</summary>
    /// <param name="part">What was not consumed before, and more.</param>
    /// <param name="isLast">Nothing comes after it.</param>
    /// <param name="consumed">What need not be given again.</param>
    /// <returns>What is wrong; null while all is well.</returns>
    public FlowFault? Read(in ReadOnlySequence<byte> part, bool isLast, out SequencePosition consumed)
    {
        var reader = new Utf8JsonReader(part, isLast, _state);
        try
        {
            while (reader.Read())
                if (Take(ref reader) is { } fault)
                {
                    consumed = reader.Position;
                    return fault;
                }
        }
        catch (JsonException)
        {
            consumed = part.End;
            return _phase is Phase.Start or Phase.End
                ? FlowFault.Body("The body is not one JSON array.")
                : FlowFault.Element(Count, null, "The body is not valid JSON from here on.");
        }
        consumed = reader.Position;
        _state = reader.CurrentState;
        return isLast && _phase != Phase.End ? FlowFault.Body("The body is not one JSON array.") : null;
    }

    private FlowFault? Take(ref Utf8JsonReader reader)
    {
        switch (_phase)
        {
            case Phase.Start:
                _phase = Phase.Element;
                return reader.TokenType == JsonTokenType.StartArray ? null : FlowFault.Body("The body must be a JSON array of flows.");
            case Phase.Element:
                return Begin(reader.TokenType);
            case Phase.Field:
                return reader.TokenType == JsonTokenType.EndObject ? End() : Name(ref reader);
            default:
                _phase = Phase.Field;
                return Value(ref reader);
        }
    }

    private FlowFault? Begin(JsonTokenType token)
    {
        if (token == JsonTokenType.EndArray)
        {
            _phase = Phase.End;
            return null;
        }
        if (token != JsonTokenType.StartObject) return FlowFault.Element(Count, null, "An element must be an object.");
        if (Count == maxElements) return FlowFault.TooMany(maxElements);
        _phase = Phase.Field;
        _flow.Begin();
        return null;
    }

    private FlowFault? End()
    {
        if (_flow.Missing is { } missing) return FlowFault.Element(Count, missing.Name, $"{missing.Name} is missing.");
        _flow.End();
        Count++;
        _phase = Phase.Element;
        return null;
    }

    private FlowFault? Name(ref Utf8JsonReader reader)
    {
        _phase = Phase.Value;
        if (Length(reader) > MostEscaped || !TryCopy(ref reader, out var name)) return Unknown(null);
        foreach (var field in FlowField.All)
        {
            if (!name.SequenceEqual(field.Utf8)) continue;
            _field = field;
            return _flow.Has(field) ? FlowFault.Element(Count, field.Name, $"{field.Name} is given more than once.") : null;
        }
        return Unknown(Plain(name));
    }

    private FlowFault Unknown(string? name) =>
        FlowFault.Element(Count, name, "A field is unknown: src_app, dest_app, vpc_id, bytes_tx, bytes_rx and hour are taken.");

    private FlowFault? Value(ref Utf8JsonReader reader) => _field.IsName ? Text(ref reader) : Number(ref reader);

    private FlowFault? Text(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String && Length(reader) <= MostEscaped && TryCopy(ref reader, out var name)
            && name.Length <= FlowNames.BytesMax && name.Length > 0 && PercentEncoding.Check(name) == TextFault.None)
        {
            _flow.Take(_field, name);
            return null;
        }
        return FlowFault.Element(Count, _field.Name, $"{_field.Name} {FlowFault.NameRule}.");
    }

    private FlowFault? Number(ref Utf8JsonReader reader)
    {
        // 19 digits hold every number that is allowed.
        Span<byte> digits = stackalloc byte[19];
        if (reader.TokenType == JsonTokenType.Number && Length(reader) is var length && length <= digits.Length)
        {
            digits = digits[..(int)length];
            if (reader.HasValueSequence) reader.ValueSequence.CopyTo(digits);
            else reader.ValueSpan.CopyTo(digits);
            if (!digits.ContainsAnyExceptInRange((byte)'0', (byte)'9') && Utf8Parser.TryParse(digits, out long number, out var used) && used == length)
            {
                _flow.Take(_field, number);
                return null;
            }
        }
        return FlowFault.Element(Count, _field.Name, $"{_field.Name} {FlowFault.NumberRule}.");
    }

    private static long Length(in Utf8JsonReader reader) => reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;

    private bool TryCopy(ref Utf8JsonReader reader, out ReadOnlySpan<byte> text)
    {
        try
        {
            text = _scratch.AsSpan(0, reader.CopyString(_scratch));
            return true;
        }
        catch (InvalidOperationException)
        {
            // No UTF-8, or half of a surrogate pair.
            text = default;
            return false;
        }
    }

    /// <summary>The name only when it is plain: what a client sends is never echoed as it came.</summary>
    private static string? Plain(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > 64) return null;
        foreach (var c in name)
            if (!char.IsAsciiLetterOrDigit((char)c) && c is not ((byte)'_' or (byte)'-' or (byte)'.')) return null;
        return System.Text.Encoding.ASCII.GetString(name);
    }
}
