using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>One partition of the frames: its event clock, what it holds aside, and its part of the windows that all share.</summary>
public sealed class FramesTask : IJobTask
{
    /// <summary>The job's own counts in the progress record: late frames in all and, with the kind behind it, of a kind of window.</summary>
    public const string Late = "late";

    /// <summary>Results written so far; in the progress of the last partition.</summary>
    public const string Results = "results";

    private readonly int _partition;
    private readonly bool _isLast;
    private readonly int _generation;
    private readonly FrameUnion _union;
    private readonly UserHasher _hasher;
    private readonly PartitionFrames _frames;
    private readonly FrameChangelog _changelog;
    private readonly HeldRecords _held;
    private readonly long[] _lateOf = new long[WindowKinds.All.Length];
    private long _late;
    private Progress _begun = new();
    private FrameClock? _written;

    public FramesTask(int partition, int partitionCount, int generation, int chunkHashes, FrameUnion union, FrameScanner scanner, UserHasher hasher)
    {
        (_partition, _isLast, _generation, _union, _hasher) = (partition, partition == partitionCount - 1, generation, union, hasher);
        _frames = new PartitionFrames(partition, union.Rules, scanner, hasher, union.Windows, union.Times);
        _changelog = new FrameChangelog(generation, chunkHashes);
        _held = new HeldRecords(generation);
    }

    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers)
    {
        if (RecordKeys.IsFrameHeld(key))
        {
            Expect(headers, RecordTypes.FrameHeld);
            _held.Restore(key, value);
            return;
        }
        // A tombstone: a window that is over. Its chunks came before, and it is dropped again.
        if (value.Length == 0) return;
        if (!key.SequenceEqual(RecordKeys.FrameClock))
        {
            Expect(headers, RecordTypes.FrameChunk);
            _changelog.Read(value, _partition, _union.Windows);
            return;
        }
        Expect(headers, RecordTypes.FrameClock);
        var clock = FrameClock.Parser.ParseFrom(value);
        if (clock.Generation != _generation) return;
        _frames.Clock.Resume(clock.Stands ? clock.Now : null, clock.Taken);
        _union.Restored(clock.Watermark);
        _written = clock;
    }

    public string? Resume(Progress progress)
    {
        _begun = progress;
        (_frames.KeptBelow, _frames.KeptHeld) = (progress.KeptBelowOffset, progress.KeptHeldOffsets.ToHashSet());
        _union.Windows.Keep(progress.KeptBeforeSeconds, progress.KeptWatermarkSeconds);
        foreach (var held in _held.All) _frames.Clock.Hold(HeldRecords.Frame(held));
        _union.Times.Read(_partition, _frames.Clock.Now);
        _late = progress.Counters.TryGetValue(Late, out var late) ? late : 0;
        if (_isLast) _union.ResultsWritten = progress.Counters.TryGetValue(Results, out var results) ? results : 0;
        foreach (var kind in WindowKinds.All) _lateOf[(int)kind] = progress.Counters.TryGetValue(LateIn(kind), out var of) ? of : 0;
        return progress.KeyFingerprint == _hasher.Fingerprint
            ? null
            : $"the hash key changed: every user would count as new; set HashKey:File to the key with fingerprint {progress.KeyFingerprint} "
                + $"(this one has {_hasher.Fingerprint}), or rebuild into a new generation";
    }

    public void Describe(Progress progress)
    {
        progress.KeyFingerprint = _hasher.Fingerprint;
        (progress.KeptBelowOffset, progress.RebuiltFromOffset) = (_begun.KeptBelowOffset, _begun.RebuiltFromOffset);
        (progress.KeptBeforeSeconds, progress.KeptWatermarkSeconds) = (_begun.KeptBeforeSeconds, _begun.KeptWatermarkSeconds);
        progress.KeptHeldOffsets.Add(_begun.KeptHeldOffsets);
        progress.Counters[Late] = _late;
        if (_isLast) progress.Counters[Results] = _union.ResultsWritten;
        foreach (var kind in _union.Rules.Kinds) progress.Counters[LateIn(kind)] = _lateOf[(int)kind];
    }

    public Outcome Process(in LogRecord record)
    {
        _union.Begin();
        _union.SawFrame(record.TimestampMs);
        var outcome = Count(record);
        // The way into the list of those held aside may be through it at once.
        if (outcome.Kind == OutcomeKind.Deferred)
            _held.Add(record, _frames.Clock.LastHeld);
        return outcome;
    }

    public void ReachedEnd() => _union.Times.ReachedEnd(_partition);

    public Settled Settle()
    {
        _union.Begin();
        if (_union.IsAtRest) CountLate(_frames.ComeToRest);
        if (_frames.Settled.Count == 0) return default;
        var (counted, corrected) = (0, 0);
        var letters = new List<DeferredLetter>();
        foreach (var (frame, outcome) in _frames.Settled)
        {
            var letter = _held.Take(frame.Offset, outcome);
            if (outcome.Kind == OutcomeKind.DeadLettered) letters.Add(letter);
            else if (outcome.Kind == OutcomeKind.Corrected) corrected++;
            else counted++;
        }
        _frames.Settled.Clear();
        return new Settled(counted, 0, letters, corrected);
    }

    public void Emit(long nextOffset, IEmit emit)
    {
        foreach (var state in _union.Windows.Changed)
            if (state.FindPart(_partition) is { IsChanged: true } part)
                _changelog.Write(state.Window, part, (key, value) => emit.Changelog(key, value, RecordTypes.FrameChunk));
        _held.Write(emit);
        if (_isLast) _union.Emit(emit, _generation);
        WriteClock(emit);
    }

    public void Dispose() => _union.Dispose();

    private static string LateIn(WindowKind kind) => $"{Late}_{kind.Name()}";

    private Outcome Count(in LogRecord record)
    {
        var windows = _union.Windows;
        var before = windows.Late;
        var outcome = _frames.Process(record.Value, record.Offset, record.TimestampMs / 1000);
        if (windows.Late != before) TakeLate();
        return outcome;
    }

    private void CountLate(Action count)
    {
        count();
        TakeLate();
    }

    /// <summary>What the windows found late since the last look is of this partition: one works at a time.</summary>
    private void TakeLate()
    {
        _late += _union.Windows.TakeLate(_lateOf);
    }

    private void WriteClock(IEmit emit)
    {
        var clock = new FrameClock
        {
            Generation = _generation,
            Stands = _frames.Clock.Now is not null,
            Now = _frames.Clock.Now ?? 0,
            Taken = _frames.Clock.Taken,
            Watermark = _union.Windows.Watermark,
        };
        if (clock.Equals(_written)) return;
        emit.Changelog(RecordKeys.FrameClock, clock.ToByteArray(), RecordTypes.FrameClock);
        _written = clock;
    }

    private static void Expect(Headers? headers, byte[] type)
    {
        if (!RecordTypes.Is(headers, type, out var found))
            throw new InvalidDataException($"The changelog holds a record of type {found}, which this version does not know.");
    }
}
