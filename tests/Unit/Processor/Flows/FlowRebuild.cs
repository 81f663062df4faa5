using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Flows;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Processor.Flows;

/// <summary>Two generations of the flows on a broker in memory: the first counts one byte too much for each flow, the second counts right.</summary>
internal sealed class FlowRebuild : IDisposable
{
    public const int Partitions = 3;
    public static readonly TopicNames Topics = new();

    private readonly Dictionary<int, long?[]> _offsets = new() { [1] = new long?[Partitions], [2] = new long?[Partitions] };

    public FlowRebuild() => Broker = new MemoryBroker(Partitions, Clock);

    public ManualClock Clock { get; } = new();
    public MemoryBroker Broker { get; }

    public List<MemoryBroker.Entry> Input(int partition) => Broker.Log(Topics.Flows, partition);

    public void Append(int partition, FlowArray array, string? key) =>
        Broker.Append(Topics.Flows, partition, key is null ? null : FlowArrays.Key(key), array.Bytes(), FlowArrays.Headers);

    /// <summary>A generation counts for a while.</summary>
    /// <returns>False when a fault ended it.</returns>
    public bool Run(int generation)
    {
        for (var p = 0; p < Partitions; p++) Broker.SetOffset(p, _offsets[generation][p]);
        Broker.Process = $"g{generation}";
        using var stop = new CancellationTokenSource();
        var began = Clock.GetTimestamp();
        Broker.Idle = () =>
        {
            if (Clock.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(400)) stop.Cancel();
        };
        IJob job = new FlowsJob(Topics.OfFlowsGeneration(generation), new FlowsOptions { Generation = generation }, folder: null, Clock);
        if (generation == 1) job = new FaultyFlows(job);
        try
        {
            new Session(Broker, job, new ProcessorOptions { BacklogCommitRecords = 20 }, Partitions, new EngineStatus(Clock), Clock, NullLogger.Instance).Run(stop.Token);
            return true;
        }
        catch (Exception e) when (e is SessionEndException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            Broker.Idle = () => { };
            for (var p = 0; p < Partitions; p++) _offsets[generation][p] = Broker.Offset(p);
        }
    }

    public KeptFlows.Carried Carry()
    {
        Broker.Process = "carry";
        using var transactions = Broker.OpenTransactions(CancellationToken.None);
        return new KeptFlows(Broker, Topics, Topics.OfFlowsGeneration(2), 2, Clock).Carry(Partitions, transactions, CancellationToken.None);
    }

    /// <summary>What the first generation wrote so far was an older version's, which knew of no first offsets.</summary>
    public void WasWrittenByAnOlderVersion()
    {
        for (var p = 0; p < Partitions; p++)
        {
            var log = Broker.Log(Topics.FlowSums, p);
            for (var i = 0; i < log.Count; i++)
            {
                var entry = log[i];
                if (entry.Value is not { Length: > 0 } value || RecordKeys.IsProgress(entry.Key)) continue;
                log[i] = new MemoryBroker.Entry(entry.Key, RecordKeys.IsFlowKeys(entry.Key) ? Older(FlowKeys.Parser.ParseFrom(value)) : Older(FlowSum.Parser.ParseFrom(value)), entry.Headers, entry.TimestampMs)
                {
                    State = entry.State,
                };
            }
        }
    }

    /// <summary>Bytes sent by hour as a reader adds them.</summary>
    public SortedDictionary<long, long> Sent(int generation)
    {
        var sent = new SortedDictionary<long, long>();
        for (var p = 0; p < Partitions; p++)
        {
            foreach (var last in Broker.Committed(Topics.OfFlowsGeneration(generation).FlowSums, p).GroupBy(e => Encoding.UTF8.GetString(e.Key!)).Select(g => g.Last()))
            {
                if (RecordKeys.IsProgress(last.Key) || RecordKeys.IsFlowKeys(last.Key)) continue;
                var (hour, sum) = (long.Parse(Encoding.UTF8.GetString(last.Key!).Split('\t')[0]), FlowSum.Parser.ParseFrom(last.Value));
                Assert.That(sum.Generation, Is.EqualTo(generation));
                sent[hour] = sent.GetValueOrDefault(hour) + sum.BytesTx;
            }
        }
        return sent;
    }

    public void Dispose() => Broker.Dispose();

    private static byte[] Older(FlowSum sum)
    {
        sum.ClearHourFirstOffset();
        return sum.ToByteArray();
    }

    private static byte[] Older(FlowKeys keys)
    {
        keys.Offsets.Clear();
        return keys.ToByteArray();
    }

    private sealed class FaultyFlows(IJob right) : IJob
    {
        public string Name => right.Name;
        public JobTopics Topics => right.Topics;
        public int Generation => right.Generation;
        public IJobTask CreateTask(int partition, int partitionCount) => new FaultyTask(right.CreateTask(partition, partitionCount));
    }

    private sealed class FaultyTask(IJobTask right) : IJobTask
    {
        public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers) => right.Restore(key, value, headers);
        public string? Resume(Progress progress) => right.Resume(progress);
        public void Emit(long nextOffset, IEmit emit) => right.Emit(nextOffset, emit);
        public void Describe(Progress progress) => right.Describe(progress);
        public void Dispose() => right.Dispose();

        public Outcome Process(in LogRecord record)
        {
            var array = FlowArray.Parser.ParseFrom(record.Value);
            foreach (var flow in array.Flows)
                if (flow.BytesTx >= 0) flow.BytesTx++;
            return right.Process(record with { Value = array.Bytes() });
        }
    }
}
