using System.Buffers;
using Tally.CommandService.Ingest;

namespace Tally.CommandService.Batch;

/// <summary>One JSON object a line. Blank lines hold no item; a bad line is refused by itself.</summary>
internal sealed class JsonLinesForm : IBatchForm
{
    private bool _skipping;

    public Refusal? Failure => null;

    public SequencePosition Take(ReadOnlySequence<byte> buffer, bool completed, Action<ReadOnlySequence<byte>> item, Action<Refusal> noItem)
    {
        var reader = new SequenceReader<byte>(buffer);
        while (reader.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n')) Take(line, item);
        var rest = reader.UnreadSequence;
        if (completed)
        {
            Take(rest, item);
            return rest.End;
        }
        // Too long for an item already: refused now, so that it need not be held, and skipped to its end.
        if (!_skipping && rest.Length > BatchItem.MaxBytes + 1)
        {
            noItem(BatchRefusals.TooLong);
            _skipping = true;
        }
        return _skipping ? rest.End : rest.Start;
    }

    private void Take(ReadOnlySequence<byte> line, Action<ReadOnlySequence<byte>> item)
    {
        if (_skipping)
        {
            _skipping = false;
            return;
        }
        var reader = new SequenceReader<byte>(line);
        reader.AdvancePastAny(" \t\r"u8);
        if (!reader.End) item(reader.UnreadSequence);
    }
}
