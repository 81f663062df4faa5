using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>
/// Sums the flows of one input partition. An array counts whole or not at all: one bad flow makes it a dead letter, and an
/// Idempotency-Key that was seen makes it a duplicate, whatever is in it.
/// </summary>
public sealed class FlowsTask(int generation, TimeSpan rememberKeys, FlowMemory memory, TimeProvider clock) : IJobTask
{
    /// <summary>Names of the job's own counts in the progress record.</summary>
    public const string Flows = "flows";
    public const string SaturatedFlows = "saturated_flows";

    private readonly FlowSums _sums = new(memory);
    private readonly FlowKeyMemory _keys = new(generation, rememberKeys, clock);
    private long _flows;
    private long _saturated;
    private long _keptBelow;
    private long _rebuiltFrom;

    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers)
    {
        // A tombstone: keys that were forgotten.
        if (value.Length == 0) return;
        var ofKeys = RecordKeys.IsFlowKeys(key);
        if (!RecordTypes.Is(headers, ofKeys ? RecordTypes.FlowKeys : RecordTypes.FlowSum, out var found))
            throw new InvalidDataException($"The changelog holds a record of type {found}, which this version does not know.");
        try
        {
            if (ofKeys)
            {
                _keys.Restore(FlowKeys.Parser.ParseFrom(value));
                return;
            }
            var sum = FlowSum.Parser.ParseFrom(value);
            if (sum.Generation == generation)
                _sums.Restore(key, new FlowBytes(sum.BytesTx, sum.BytesRx, sum.Saturated), sum.HasHourFirstOffset ? sum.HourFirstOffset : null);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("A changelog record of flows cannot be read.", e);
        }
    }

    public string? Resume(Progress progress)
    {
        _flows = progress.Counters.TryGetValue(Flows, out var flows) ? flows : 0;
        _saturated = progress.Counters.TryGetValue(SaturatedFlows, out var saturated) ? saturated : 0;
        (_keptBelow, _rebuiltFrom) = (progress.KeptBelowOffset, progress.RebuiltFromOffset);
        _keys.Saw(progress.LastAppendMs);
        return _sums.HourCount < progress.StateHours ? LostState.Sentence(_sums.HourCount, progress.StateHours) : null;
    }

    public void Describe(Progress progress)
    {
        progress.StateHours = _sums.HourCount;
        progress.Counters[Flows] = _flows;
        progress.Counters[SaturatedFlows] = _saturated;
        (progress.KeptBelowOffset, progress.RebuiltFromOffset) = (_keptBelow, _rebuiltFrom);
    }

    public Outcome Process(in LogRecord record)
    {
        if (!RecordTypes.Is(record.Headers, RecordTypes.FlowArray, out var found))
            return Outcome.DeadLetter(DeadLetterReasons.UnknownVersion, $"The header {RecordTypes.Header} names {found}, which this version does not read.");
        if (!record.HasValue) return Invalid("The record has no value.");
        if (Fault(record.Value) is { } fault) return Invalid(fault);
        _keys.Saw(record.TimestampMs);
        if (record.HasKey && record.Key.Length > 0)
        {
            var key = FlowKeyMemory.Hash(record.Key);
            if (_keys.Knows(key)) return Outcome.Duplicate;
            _keys.Add(key, record.Offset);
        }
        Count(record.Value, record.Offset);
        return Outcome.Counted;
    }

    public void Emit(long nextOffset, IEmit emit)
    {
        _sums.TakeTouched((key, sum, firstOffset) =>
        {
            var record = new FlowSum { BytesTx = sum.Tx, BytesRx = sum.Rx, Saturated = sum.Saturated, Generation = generation, NextOffset = nextOffset };
            if (firstOffset is { } first) record.HourFirstOffset = first;
            emit.Output(key, record.ToByteArray(), RecordTypes.FlowSum);
        });
        _keys.Emit(emit);
    }

    public void Dispose()
    {
        _keys.Dispose();
        _sums.Dispose();
    }

    private static string? Fault(ReadOnlySpan<byte> array)
    {
        try
        {
            var flows = new FlowFields(array);
            for (var index = 0; flows.Next(); index++)
                if (flows.Fault() is { } fault) return $"Flow {index}: {fault}";
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    private void Count(ReadOnlySpan<byte> array, long offset)
    {
        Span<byte> key = stackalloc byte[FlowSumKey.BytesMax];
        var flows = new FlowFields(array);
        while (flows.Next())
        {
            _flows++;
            // Counted by the generation before, whose numbers the hour keeps.
            if (offset < _keptBelow && _sums.IsOfUnknownBeginning(flows.Hour)) continue;
            var length = FlowSumKey.Write(key, flows.Hour, flows.SrcApp, flows.DestApp, flows.VpcId);
            if (!_sums.Add(offset, flows.Hour, key[..length], flows.BytesTx, flows.BytesRx)) _saturated++;
        }
    }

    private static Outcome Invalid(string message) => Outcome.DeadLetter(DeadLetterReasons.InvalidFlows, message);
}
