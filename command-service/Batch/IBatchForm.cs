using System.Buffers;
using Tally.CommandService.Ingest;

namespace Tally.CommandService.Batch;

/// <summary>One of the two forms of a batch.</summary>
internal interface IBatchForm
{
    /// <summary>Why nothing after the last item can be read; null while all is well.</summary>
    Refusal? Failure { get; }

    /// <summary>Hands on each whole item, in order; for one that is none, its refusal.</summary>
    /// <returns>How far the buffer is consumed.</returns>
    SequencePosition Take(ReadOnlySequence<byte> buffer, bool completed, Action<ReadOnlySequence<byte>> item, Action<Refusal> noItem);
}
