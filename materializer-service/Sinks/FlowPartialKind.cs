using System.Text;
using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>Records of flows.sums.</summary>
public sealed class FlowPartialKind : IPartialKind<FlowPartial>
{
    public PartialRecord<FlowPartial> Read(string topic, FeedRecord record)
    {
        // Idempotency keys are the processor's own.
        if (record.Value is null || RecordKeys.IsFlowKeys(record.Key)) return default;
        var key = record.Key ?? [];
        if (RecordKeys.IsProgress(key)) return PartialRecords.ReadProgress<FlowPartial>(topic, record);
        PartialRecords.Refuse(topic, record, RecordTypes.FlowSum);
        if (!FlowSumKey.TryRead(key, out var hour, out var src, out var dest, out var vpc)) throw PartialRecords.Damaged(topic, record);
        var sum = PartialRecords.Parse(topic, record, FlowSum.Parser);
        if (sum is not { Generation: > 0, NextOffset: >= 0, BytesTx: >= 0, BytesRx: >= 0 }) throw PartialRecords.Damaged(topic, record);
        var name = new FlowName(Text(src), Text(dest), Text(vpc));
        return new PartialRecord<FlowPartial>(new FlowPartial(hour, name, record.Partition, sum), null);

        string Text(Range part) => Encoding.UTF8.GetString(key.AsSpan()[part]);
    }

    public object Identity(FlowPartial partial) => (partial.Sum.Generation, partial.Hour, partial.Name, partial.Partition);

    public int Partition(FlowPartial partial) => partial.Partition;

    public long NextOffset(FlowPartial partial) => partial.Sum.NextOffset;
}
