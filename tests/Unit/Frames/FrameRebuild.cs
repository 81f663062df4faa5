using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Unit.Processor;

namespace Tally.Tests.Unit.Frames;

/// <summary>Two generations of the frames on a broker in memory: the first takes each odd user for the even one before, the second counts right.</summary>
internal sealed class FrameRebuild(FramesOptions options) : IDisposable
{
    public const int Partitions = 3;
    public static readonly TimeSpan Tolerance = TimeSpan.FromHours(1);
    public static readonly TopicNames Topics = new();

    private readonly Dictionary<int, long?[]> _offsets = new() { [1] = new long?[Partitions], [2] = new long?[Partitions] };
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-frames-");
    private MemoryBroker? _broker;

    public ManualClock Clock { get; } = new();
    public MemoryBroker Broker => _broker ??= new MemoryBroker(Partitions, Clock);
    public long Now => Clock.NowMs / 1000;

    public int Count(int partition) => Broker.Log(Topics.Frames, partition).Count;

    public void Append(int partition, long seconds, int user) =>
        Broker.Append(Topics.Frames, partition, null, Encoding.UTF8.GetBytes($$"""{"ts":{{seconds}},"uid":"{{user}}"}"""), []);

    /// <summary>A generation counts for a while.</summary>
    /// <returns>False when a fault ended it.</returns>
    public bool Run(int generation, double seconds = 0.4)
    {
        for (var p = 0; p < Partitions; p++) Broker.SetOffset(p, _offsets[generation][p]);
        Broker.Process = $"g{generation}";
        using var stop = new CancellationTokenSource();
        var began = Clock.GetTimestamp();
        Broker.Idle = () =>
        {
            if (Clock.GetElapsedTime(began) >= TimeSpan.FromSeconds(seconds)) stop.Cancel();
        };
        var its = new FramesOptions { Generation = generation, WildLimit = options.WildLimit, CorrectionHorizon = options.CorrectionHorizon };
        var processor = new ProcessorOptions { BacklogCommitRecords = 20, ChunkHashes = 8, Instance = $"g{generation}" };
        IJob job = new FramesJob(Topics.OfFramesGeneration(generation), Events.Hasher, its, processor, _folder.FullName, Clock);
        if (generation == 1) job = new FaultyFrames(job);
        try
        {
            new Session(Broker, job, processor, Partitions, new EngineStatus(Clock), Clock, NullLogger.Instance).Run(stop.Token);
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

    public KeptFrames.Carried Carry()
    {
        Broker.Process = "carry";
        using var transactions = Broker.OpenTransactions(CancellationToken.None);
        return new KeptFrames(Broker, Topics, Topics.OfFramesGeneration(2), 2, Tolerance, Clock).Carry(Partitions, transactions, CancellationToken.None);
    }

    /// <summary>Users and frames by window, as the archive has them.</summary>
    public SortedDictionary<(string Kind, long Start), (long Users, long Frames)> Windows(int generation)
    {
        var newest = new Dictionary<(string, long), FrameWindow>();
        for (var p = 0; p < Partitions; p++)
        {
            foreach (var entry in Broker.Committed(Topics.OfFramesGeneration(generation).FramesProgress, p).Where(e => !RecordKeys.IsProgress(e.Key)))
            {
                var window = FrameWindow.Parser.ParseFrom(entry.Value);
                if (!newest.TryGetValue((window.Kind, window.Start), out var before) || before.Version < window.Version) newest[(window.Kind, window.Start)] = window;
            }
        }
        return new(newest.ToDictionary(w => w.Key, w => (w.Value.UniqueUsers, w.Value.Frames)));
    }

    /// <summary>The same as the topic of results has them.</summary>
    public SortedDictionary<(string Kind, long Start), (long Users, long Frames)> Published(int generation) => new(
        Broker.Committed(Topics.OfFramesGeneration(generation).UniqueUsers, 0).GroupBy(e => Encoding.ASCII.GetString(e.Key!)).ToDictionary(
            g => (g.Key.Split('|')[0], long.Parse(g.Key.Split('|')[1])),
            g => JsonDocument.Parse(g.Last().Value).RootElement is var json ? (json.GetProperty("unique_users").GetInt64(), json.GetProperty("frames").GetInt64()) : default));

    public void Dispose()
    {
        Broker.Dispose();
        _folder.Delete(recursive: true);
    }

    private sealed class FaultyFrames(IJob right) : IJob
    {
        public string Name => right.Name;
        public JobTopics Topics => right.Topics;
        public int Generation => right.Generation;
        public bool IsMerging => right.IsMerging;
        public IJobTask CreateTask(int partition, int partitionCount) => new FaultyTask(right.CreateTask(partition, partitionCount));
    }

    private sealed class FaultyTask(IJobTask right) : IJobTask
    {
        public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers) => right.Restore(key, value, headers);
        public string? Resume(Progress progress) => right.Resume(progress);
        public void ReachedEnd() => right.ReachedEnd();
        public Settled Settle() => right.Settle();
        public void Emit(long nextOffset, IEmit emit) => right.Emit(nextOffset, emit);
        public void Describe(Progress progress) => right.Describe(progress);
        public void Dispose() => right.Dispose();

        public Outcome Process(in LogRecord record)
        {
            using var frame = JsonDocument.Parse(record.Value.ToArray());
            var user = int.Parse(frame.RootElement.GetProperty("uid").GetString()!);
            return right.Process(record with { Value = Encoding.UTF8.GetBytes($$"""{"ts":{{frame.RootElement.GetProperty("ts").GetInt64()}},"uid":"{{user / 2 * 2}}"}""") });
        }
    }
}
