using Microsoft.Extensions.Logging.Abstractions;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker;

/// <summary>A partition's log in a folder of its own, to be closed, damaged and opened again.</summary>
internal sealed class TestLog : IAsyncDisposable
{
    private readonly FaultyDisk? _disk;

    public TestLog(LogConfig? config = null, FaultyDisk? disk = null, FlushPolicy policy = FlushPolicy.Never)
    {
        (Config, _disk) = (config ?? new LogConfig(), disk);
        Flush = new FlushScheduler(policy, TimeSpan.FromSeconds(1), Time, NullLogger.Instance);
        Log = Open();
    }

    public ManualTime Time { get; } = new();

    public FlushScheduler Flush { get; }

    public RecordingLog Lines { get; } = new();

    public LogConfig Config { get; set; }

    public string Folder { get; } = Directory.CreateTempSubdirectory("tally-log-").FullName;

    public PartitionLog Log { get; private set; }

    public string ActiveFile => Directory.GetFiles(Folder, "*.log").Order().Last();

    public AppendResult Append(TestBatch batch)
    {
        byte[] bytes = batch.Build();
        return Log.Append(bytes, BatchHeader.Read(bytes));
    }

    /// <summary>What a reader gets from the offset on.</summary>
    public List<(long Offset, string? Key, string? Value)> Read(long offset = 0, bool committedOnly = false, int bytesMax = 1 << 20)
    {
        var found = new List<(long, string?, string?)>();
        while (true)
        {
            using var writer = new WireWriter();
            ReadPlan plan = Log.Plan(offset, bytesMax, committedOnly);
            (int read, _) = Log.Read(plan, atLeastOne: true, writer);
            if (read == 0)
                return found;
            found.AddRange(TestBatch.Parse(writer.Written.Span).Where(r => r.Item1 >= offset));
            offset = LastOffset(writer.Written.Span) + 1;
        }
    }

    /// <summary>As kill -9 would: no checkpoint, no goodbye.</summary>
    public void Reopen(RecoveryMode mode = RecoveryMode.Refuse, bool clean = false)
    {
        if (clean)
            Log.Checkpoint(everything: true);
        Log.Dispose();
        Log = Open(mode);
    }

    public void Close() => Log.Dispose();

    public async ValueTask DisposeAsync()
    {
        Log.Dispose();
        await Flush.DisposeAsync();
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    private static long LastOffset(ReadOnlySpan<byte> batches)
    {
        long last = -1;
        while (batches.Length > 0)
        {
            BatchHeader header = BatchHeader.Read(batches);
            last = header.LastOffset;
            batches = batches[header.Size..];
        }

        return last;
    }

    private PartitionLog Open(RecoveryMode mode = RecoveryMode.Refuse) =>
        new("topic", 0, Folder, Config, new StorageContext(Flush, mode, Time, Lines, _disk));
}
