using System.Buffers;
using System.Text.Json;
using Tally.CommandService.Ingest;

namespace Tally.CommandService.Batch;

/// <summary>A JSON array of objects. Where it is malformed there is no telling what follows: the batch ends there.</summary>
internal sealed class JsonArrayForm : IBatchForm
{
    private JsonReaderState _state;
    private bool _ended;

    public Refusal? Failure { get; private set; }

    public SequencePosition Take(ReadOnlySequence<byte> buffer, bool completed, Action<ReadOnlySequence<byte>> item, Action<Refusal> noItem)
    {
        // How far whole items go; kept outside of the reader, which cannot be asked once it has thrown.
        long consumed = 0;
        try
        {
            var reader = new Utf8JsonReader(buffer, completed, _state);
            while (reader.Read())
            {
                if (_ended || !TakeToken(ref reader, buffer, item, noItem)) break;
                _state = reader.CurrentState;
                consumed = reader.BytesConsumed;
            }
            if (completed && !_ended) Failure ??= BatchRefusals.NotAnArray;
        }
        catch (JsonException)
        {
            Failure ??= _ended ? BatchRefusals.AfterArray : BatchRefusals.NotAnArray;
        }
        if (Failure is null && !_ended && buffer.Length - consumed > BatchItem.MaxBytes + 1) Failure = BatchRefusals.ItemTooLong;
        return buffer.GetPosition(consumed);
    }

    /// <returns>False when more must come first.</returns>
    private bool TakeToken(ref Utf8JsonReader reader, ReadOnlySequence<byte> buffer, Action<ReadOnlySequence<byte>> item, Action<Refusal> noItem)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartArray when reader.CurrentDepth == 0:
                return true;
            case JsonTokenType.EndArray:
                _ended = true;
                return true;
            case JsonTokenType.StartObject:
            case JsonTokenType.StartArray:
                var (begin, isObject) = (reader.TokenStartIndex, reader.TokenType == JsonTokenType.StartObject);
                if (!reader.TrySkip()) return false;
                if (isObject) item(buffer.Slice(begin, reader.BytesConsumed - begin));
                else noItem(BatchRefusals.NotAnObject);
                return true;
            default:
                noItem(BatchRefusals.NotAnObject);
                return true;
        }
    }
}
