using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// The engine with its job on one thread: broker, disk, clock and chance are all in memory and in hand. Everything produced goes through
/// a plain recount too.
/// </summary>
public sealed class Simulation : IDisposable
{
    public const int Partitions = 3;
    public static readonly TopicNames Topics = new();

    /// <summary>Those of the generation that runs.</summary>
    public TopicNames Names => Topics.OfGeneration(Options.Generation);

    private const string OwnStore = "sim";

    private StateStore? _store;
    private StateStore? _otherStore;

    public Simulation()
    {
        Broker = new MemoryBroker(Partitions, Clock);
        Files.Renamed = CheckSnapshot;
    }

    public ManualClock Clock { get; } = new();
    public MemoryBroker Broker { get; }
    public MemoryFiles Files { get; } = new();
    public ProcessorOptions Options { get; } = new() { ChunkHashes = 8, BacklogCommitRecords = 40 };
    public Recount Oracle { get; } = new();

    /// <summary>Null keeps all state in memory.</summary>
    public StateOptions? State { get; set; }

    public StateStore? Store => _store;

    /// <summary>Snapshots that were written.</summary>
    public int Snapshots { get; private set; }

    /// <summary>Records written to the input.</summary>
    public int Produced { get; private set; }

    /// <summary>How many of them are poison.</summary>
    public int Poison { get; private set; }

    public void Dispose()
    {
        EndProcess();
        Broker.Dispose();
    }

    /// <summary>Writes one event, beside the recount.</summary>
    public void Append(Events.Made made)
    {
        Broker.Append(Topics.Events, made.Partition(Partitions), made.Key, made.Value, made.Headers);
        Produced++;
    }

    /// <summary>The process ends: what was in memory is gone, files stay.</summary>
    public void EndProcess()
    {
        _store?.Dispose();
        _otherStore?.Dispose();
        (_store, _otherStore) = (null, null);
    }

    /// <returns>True when the session ended in order, false when a fault ended it.</returns>
    public bool RunUntilIdle(TimeSpan? longer = null, UserHasher? hasher = null, Action? whenIdle = null)
    {
        using var stop = new CancellationTokenSource();
        var (began, length) = (Clock.GetTimestamp(), longer ?? TimeSpan.FromMilliseconds(1_500));
        Broker.Idle = () =>
        {
            whenIdle?.Invoke();
            if (Clock.GetElapsedTime(began) >= length) stop.Cancel();
        };
        if (State is not null) _store ??= NewStore(OwnStore);
        var session = NewSession(_store, hasher, Status = new EngineStatus(Clock));
        try
        {
            session.Run(stop.Token);
            return true;
        }
        catch (Exception e) when (e is SessionEndException or OperationCanceledException)
        {
            // Asked to stop while it was restoring it has not counted everything either.
            return false;
        }
    }

    /// <summary>Another process counts some partitions for a while, in the middle of what this one does.</summary>
    /// <returns>False when a fault ended it.</returns>
    public bool RunOther(IReadOnlyList<int> partitions)
    {
        var (idle, gives, rebalances, process) = (Broker.Idle, Broker.Gives, Broker.Rebalances, Broker.Process);
        (Broker.Process, Broker.Gives, Broker.Rebalances) = ("b", partitions, _ => null);
        using var stop = new CancellationTokenSource();
        var began = Clock.GetTimestamp();
        Broker.Idle = () =>
        {
            if (Clock.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(300)) stop.Cancel();
        };
        if (State is not null) _otherStore ??= NewStore("other");
        try
        {
            NewSession(_otherStore, null, new EngineStatus(Clock)).Run(stop.Token);
            return true;
        }
        catch (Exception e) when (e is SessionEndException or OperationCanceledException)
        {
            return false;
        }
        finally
        {
            (Broker.Idle, Broker.Gives, Broker.Rebalances, Broker.Process) = (idle, gives, rebalances, process);
        }
    }

    /// <summary>A snapshot never holds what its own process has in an open transaction.</summary>
    private void CheckSnapshot(string path)
    {
        if (Path.GetFileName(path) != Snapshot.FileName) return;
        Snapshots++;
        // A folder that cannot be locked gets a number behind its name.
        var folders = path.Split(Path.DirectorySeparatorChar);
        var (process, partition) = (folders[^4].StartsWith(OwnStore, StringComparison.Ordinal) ? "a" : "b", int.Parse(folders[^2]["partition-".Length..], CultureInfo.InvariantCulture));
        Assert.That(Broker.HasOpen(process, Names.Changelog, partition), Is.False, $"{path} was written while a transaction on its partition was open");
    }

    private StateStore NewStore(string name) => new(State!, name, Files, new InlineWorker(), Clock, NullLogger.Instance, leafHashes: 16);

    private Session NewSession(StateStore? store, UserHasher? hasher, EngineStatus status)
    {
        var job = new HourlyAnalyticsJob(Names, hasher ?? Events.Hasher, Options.Generation, Options.ChunkHashes, store, State?.Retention, Clock);
        return new Session(Broker, job, Options, Partitions, status, Clock, NullLogger.Instance);
    }

    /// <returns>How many of the records are poison.</returns>
    public int Produce(Random random, int count, Recount? oracle = null)
    {
        var poison = 0;
        for (var i = 0; i < count; i++)
        {
            if (random.Next(25) == 0)
            {
                poison++;
                Broker.Append(Topics.Events, random.Next(Partitions), null, [1, 2, 3], []);
                continue;
            }
            var (user, hour) = ($"user-{random.Next(30)}", random.Next(4));
            var kind = random.Next(2) == 0 ? EventKind.Click : EventKind.Impression;
            var id = random.Next(2) == 0 ? $"id-{random.Next(10)}" : null;
            var made = Events.Hashed(user, (hour * Hours.MillisecondsPerHour) + i, kind, id);
            Broker.Append(Topics.Events, made.Partition(Partitions), made.Key, made.Value, made.Headers);
            (oracle ?? Oracle).Take(user, hour, kind, id);
        }
        Produced += count;
        Poison += poison;
        return poison;
    }

    public Dictionary<long, (long Clicks, long Impressions, long Users)> ReadHours()
    {
        var partials = Enumerable.Range(0, Partitions)
            .SelectMany(p => Broker.Committed(Names.Hours, p).Where(e => !RecordKeys.IsProgress(e.Key))
                .GroupBy(e => Encoding.ASCII.GetString(e.Key!)).Select(g => HourPartial.Parser.ParseFrom(g.Last().Value)));
        return partials.GroupBy(h => h.Hour).ToDictionary(g => g.Key, g => (g.Sum(h => h.Clicks), g.Sum(h => h.Impressions), g.Sum(h => h.UniqueUsers)));
    }

    /// <summary>Users that the newest sketches of each hour say they hold; each sketch must hold about as many.</summary>
    public Dictionary<long, long> SketchedUsers()
    {
        var sketches = Enumerable.Range(0, Partitions).SelectMany(p => Broker.Committed(Names.Sketches, p)
            .GroupBy(e => Encoding.ASCII.GetString(e.Key!)).Select(g => HourSketch.Parser.ParseFrom(g.Last().Value))).ToList();
        foreach (var sketch in sketches)
            if (HyperLogLogFormat.Read(sketch.Sketch.Span).Estimate() != sketch.Users) throw new InvalidDataException($"the sketch of hour {sketch.Hour} lacks users");
        return sketches.GroupBy(s => s.Hour).ToDictionary(g => g.Key, g => g.Sum(s => s.Users));
    }

    public IEnumerable<MemoryBroker.Entry> DeadLetters() => Enumerable.Range(0, Partitions).SelectMany(p => Broker.Committed(Names.DeadLetter, p));

    public long Outcomes() => Enumerable.Range(0, Partitions)
        .Select(p => Progress.Parser.ParseFrom(Broker.Committed(Names.Hours, p).Last().Value).Outcomes)
        .Sum(o => o.Counted + o.Duplicate + o.DeadLettered.Values.Sum());

    public EngineStatus? Status { get; private set; }
}
