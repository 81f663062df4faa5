using System.Buffers.Text;
using System.Text;
using Google.Protobuf;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Rebuild;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>
/// Carries into a new generation what its input topic cannot tell any more. An hour of flows has no time: it keeps its numbers where an array that counted in it was removed from
/// any partition, or where nobody knows which was the first. In all partitions then, so that no hour is the sum of two ways of counting. All other hours are counted anew.
/// </summary>
/// <param name="broker">Reads the generation before.</param>
/// <param name="from">Its topics.</param>
/// <param name="to">Those of the new one.</param>
/// <param name="generation">The new one.</param>
/// <param name="clock">Tells when the generation began.</param>
public sealed class KeptFlows(IBroker broker, TopicNames from, TopicNames to, int generation, TimeProvider clock)
{
    /// <summary>What the new generation begins with.</summary>
    /// <param name="Hours">Those that keep their numbers, in order.</param>
    /// <param name="From">By partition, the first offset that it counts.</param>
    /// <param name="ArrivedMs">All arrays that arrived since this Unix time (ms) are still there; 0 where none was removed.</param>
    public sealed record Carried(IReadOnlyList<long> Hours, IReadOnlyList<long> From, long ArrivedMs);

    /// <summary>Does it for all partitions, all or nothing: the progress records that make it count come last, in one transaction. A second time nothing is carried.</summary>
    /// <param name="partitions">Of the input.</param>
    /// <param name="transactions">Writes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ConfigurationException">The new generation has begun, and what it has not counted yet was removed.</exception>
    public Carried Carry(int partitions, ITransactionLog transactions, CancellationToken cancellation)
    {
        var copy = new GenerationCopy(broker, transactions, clock);
        long[] lows = [.. Enumerable.Range(0, partitions).Select(p => broker.QueryEnds(from.Flows, p).Low)];
        var arrived = Enumerable.Range(0, partitions).Select(p => lows[p] == 0 ? 0 : copy.FirstThere(from.Flows, p, cancellation)).ToArray();
        if (Begun(copy, lows, cancellation) is { } hours) return new Carried(hours, lows, arrived.Max());
        if (Array.TrueForAll(lows, low => low == 0)) return new Carried([], lows, 0);

        var kept = new SortedSet<long>();
        for (var p = 0; p < partitions; p++)
        {
            if (lows[p] == 0) continue;
            copy.Read(from.FlowSums, p, (in record) =>
            {
                if (Sum(record) is { } sum && (!sum.HasHourFirstOffset || sum.HourFirstOffset < lows[p])) kept.Add(Hour(record.Key));
            }, cancellation);
        }
        var before = Enumerable.Range(0, partitions).Select(p => Copy(copy, p, kept, lows[p], Hours.Of(arrived[p]), cancellation)).ToArray();
        copy.Commit();
        for (var p = 0; p < partitions; p++) copy.Write(to.FlowSums, p, RecordKeys.Progress(p), Begins(p, partitions, lows[p], before[p]), RecordTypes.Progress);
        copy.Commit();
        return new Carried([.. kept], lows, arrived.Max());
    }

    /// <returns>Hours that the new generation keeps; null when it has not begun, or nothing was counted of what was removed since.</returns>
    private IReadOnlyList<long>? Begun(GenerationCopy copy, long[] lows, CancellationToken cancellation)
    {
        var kept = new SortedSet<long>();
        var last = new Progress?[lows.Length];
        for (var p = 0; p < lows.Length; p++)
        {
            copy.Read(to.FlowSums, p, (in record) =>
            {
                last[p] = Progress(record) ?? last[p];
                if (Sum(record) is { HasHourFirstOffset: false }) kept.Add(Hour(record.Key));
            }, cancellation);
        }
        if (Array.TrueForAll(last, progress => progress is null)) return null;
        var lost = Enumerable.Range(0, lows.Length).FirstOrDefault(p => (last[p]?.NextOffset ?? 0) < lows[p], -1);
        if (lost < 0) return [.. kept];
        if (Array.TrueForAll(last, progress => progress is null || progress.NextOffset == progress.RebuiltFromOffset)) return null;
        throw new ConfigurationException(
            $"Generation {generation} of the flows had begun, but {from.Flows} partition {lost} begins at offset {lows[lost]} now and it had come to {last[lost]?.NextOffset ?? 0}: delete "
            + $"{to.FlowSums} and {to.FlowsDeadLetter} with the group's offsets, and rebuild again.");
    }

    /// <returns>The last progress of the generation before.</returns>
    private Progress? Copy(GenerationCopy copy, int partition, SortedSet<long> kept, long low, long hourOfLow, CancellationToken cancellation)
    {
        Progress? before = null;
        var chunks = new Dictionary<string, FlowKeys>();
        copy.Read(from.FlowSums, partition, (in record) =>
        {
            before = Progress(record) ?? before;
            if (RecordKeys.IsFlowKeys(record.Key))
            {
                if (record.Value.Length == 0) chunks.Remove(Encoding.ASCII.GetString(record.Key));
                else chunks[Encoding.ASCII.GetString(record.Key)] = Read(FlowKeys.Parser, record.Value);
            }
            else if (Sum(record) is { } sum && kept.Contains(Hour(record.Key)))
            {
                sum.Generation = generation;
                // From now on nobody knows: so it is kept again by the next rebuild, and the task tells it by that.
                sum.ClearHourFirstOffset();
                copy.Write(to.FlowSums, partition, record.Key.ToArray(), sum, RecordTypes.FlowSum);
            }
        }, cancellation);
        if (low > 0) CopyKeys(copy, partition, chunks.Values, low, hourOfLow);
        return before;
    }

    /// <summary>
    /// Keys of arrays that were removed are known to the new generation; all others it meets again. A key whose offset is not known is of an array in hours of unknown beginning
    /// only, which are kept: whether it is met again changes no number.
    /// </summary>
    private void CopyKeys(GenerationCopy copy, int partition, IEnumerable<FlowKeys> chunks, long low, long hourOfLow)
    {
        var byHour = new SortedDictionary<long, HashSet<UInt128>>();
        foreach (var chunk in chunks)
        {
            FlowKeyMemory.Check(chunk);
            // All arrived before the first that is still there did.
            var hour = Math.Min(chunk.Hour, hourOfLow);
            if (!byHour.TryGetValue(hour, out var keys)) byHour.Add(hour, keys = []);
            var all = FlowKeyMemory.Of(chunk);
            var unknown = all.Length - chunk.Offsets.Count;
            for (var i = 0; i < all.Length; i++)
                if (i < unknown || chunk.Offsets[i - unknown] < low) keys.Add(all[i]);
        }
        foreach (var (hour, keys) in byHour)
        {
            var number = 0;
            foreach (var some in keys.Chunk(FlowKeyMemory.ChunkKeys))
            {
                copy.Write(to.FlowSums, partition, RecordKeys.FlowKeys(hour, number), FlowKeyMemory.Record(hour, number, generation, some, []), RecordTypes.FlowKeys);
                number++;
            }
        }
    }

    private Progress Begins(int partition, int partitions, long low, Progress? before)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return new Progress
        {
            Generation = generation,
            Partition = partition,
            NextOffset = low,
            Outcomes = new Outcomes(),
            SinceMs = nowMs,
            CommittedAtMs = nowMs,
            PartitionCount = partitions,
            Partitioner = KafkaClientConfig.PartitionerName,
            InputTopic = from.Flows,
            KeptBelowOffset = before?.NextOffset ?? low,
            RebuiltFromOffset = low,
        };
    }

    private static Progress? Progress(in LogRecord record) => RecordKeys.IsProgress(record.Key) ? Read(Shared.Contracts.Progress.Parser, record.Value) : null;

    private static FlowSum? Sum(in LogRecord record) =>
        record.Value.Length == 0 || RecordKeys.IsProgress(record.Key) || RecordKeys.IsFlowKeys(record.Key) ? null : Read(FlowSum.Parser, record.Value);

    private static long Hour(ReadOnlySpan<byte> key) =>
        Utf8Parser.TryParse(key, out long hour, out _) ? hour : throw new InvalidDataException("The key of a sum of flows has no hour.");

    private static T Read<T>(MessageParser<T> parser, ReadOnlySpan<byte> value) where T : IMessage<T> => parser.ParseFrom(value);
}
