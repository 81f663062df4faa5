using System.Buffers;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Batch;

/// <summary>One item: an event to be sent, or why there is none.</summary>
public readonly record struct BatchEntry(EventRecord Record, Refusal? Refusal);

/// <summary>Cuts the body of a batch into items as it comes in; the first character tells the form.</summary>
public sealed class BatchBody(UserHasher hasher, long latestMs)
{
    private readonly byte[] _scratch = new byte[BatchItem.ScratchBytes];
    private readonly byte[] _item = new byte[BatchItem.MaxBytes];
    private IBatchForm? _form;
    private bool _begun;

    /// <summary>Why nothing after the last item can be read; null while all is well.</summary>
    public Refusal? Failure { get; private set; }

    /// <summary>Takes the items that are whole.</summary>
    /// <param name="buffer">What came and was not yet consumed.</param>
    /// <param name="completed">Nothing more comes.</param>
    /// <param name="entries">Items are added here.</param>
    /// <returns>How far the buffer is consumed.</returns>
    public SequencePosition Take(ReadOnlySequence<byte> buffer, bool completed, List<BatchEntry> entries)
    {
        if (!_begun && !SkipByteOrderMark(ref buffer, completed)) return buffer.Start;
        if (_form is null)
        {
            var rest = buffer;
            if (!SkipSpace(ref rest))
            {
                if (completed) Failure = BatchRefusals.Empty;
                return rest.Start;
            }
            _form = rest.FirstSpan[0] == (byte)'[' ? new JsonArrayForm() : new JsonLinesForm();
        }
        var consumed = _form.Take(buffer, completed, item => entries.Add(Read(item)), refusal => entries.Add(new BatchEntry(default, refusal)));
        Failure = _form.Failure;
        return consumed;
    }

    private BatchEntry Read(ReadOnlySequence<byte> item)
    {
        if (item.Length > BatchItem.MaxBytes) return new BatchEntry(default, BatchRefusals.TooLong);
        var json = item.FirstSpan;
        if (!item.IsSingleSegment)
        {
            item.CopyTo(_item);
            json = _item.AsSpan(0, (int)item.Length);
        }
        return BatchItem.TryParse(json, latestMs, _scratch, out var e, out var refusal)
            ? new BatchEntry(EventRecord.Of(e, hasher), null)
            : new BatchEntry(default, refusal);
    }

    /// <returns>False while it cannot be told yet.</returns>
    private bool SkipByteOrderMark(ref ReadOnlySequence<byte> buffer, bool completed)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        if (buffer.Length < mark.Length && !completed) return false;
        _begun = true;
        Span<byte> first = stackalloc byte[mark.Length];
        if (buffer.Length < mark.Length) return true;
        buffer.Slice(0, mark.Length).CopyTo(first);
        if (first.SequenceEqual(mark)) buffer = buffer.Slice(mark.Length);
        return true;
    }

    /// <returns>False when there was nothing else.</returns>
    private static bool SkipSpace(ref ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        reader.AdvancePastAny(" \t\r\n"u8);
        buffer = reader.UnreadSequence;
        return !reader.End;
    }
}
