using System.Text;
using Confluent.Kafka;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Flows;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor.Flows;

/// <summary>flows.sums of one partition as compaction leaves it, and the task that writes it, which may die at any time.</summary>
internal sealed class FlowTopic : IEmit, IDisposable
{
    private readonly Dictionary<string, (byte[] Value, byte[] Type)> _log = [];
    private readonly ManualClock _clock;
    private readonly TimeSpan _remember;
    private readonly FlowMemory _memory;
    private Progress _progress = new();
    private long _offset;

    /// <param name="clock">Its time.</param>
    /// <param name="remember">Flows:RememberKeys.</param>
    /// <param name="memory">Shared with other partitions; null for one of its own, without bound.</param>
    public FlowTopic(ManualClock clock, TimeSpan remember, FlowMemory? memory = null)
    {
        (_clock, _remember) = (clock, remember);
        _memory = memory ?? new FlowMemory(1, files: null);
        Task = NewTask();
    }

    public FlowsTask Task { get; private set; }

    public IReadOnlyDictionary<string, long> Counters => _progress.Counters;

    /// <summary>Records of keys there are.</summary>
    public int KeyChunks => _log.Keys.Count(k => k.StartsWith("keys|", StringComparison.Ordinal));

    public IEnumerable<(string Name, FlowSum Sum)> Sums =>
        _log.Where(r => r.Value.Type == RecordTypes.FlowSum).Select(r => (r.Key, FlowSum.Parser.ParseFrom(r.Value.Value)));

    public Outcome Process(byte[] value, byte[]? key, Headers? headers = null) => Task.Process(new LogRecord
    {
        Offset = _offset++,
        TimestampMs = _clock.NowMs,
        HasKey = key is not null,
        Key = key,
        HasValue = true,
        Value = value,
        Headers = headers ?? FlowArrays.Headers,
    });

    public void Commit()
    {
        Task.Emit(_offset, this);
        _progress = new Progress { LastAppendMs = _clock.NowMs, NextOffset = _offset };
        Task.Describe(_progress);
    }

    /// <summary>The next task knows only what was committed.</summary>
    public void Restart()
    {
        Task.Dispose();
        Task = NewTask();
        foreach (var (key, (value, type)) in _log) Task.Restore(Encoding.UTF8.GetBytes(key), value, new Headers { { RecordTypes.Header, type } });
        Task.Resume(_progress);
    }

    public void Output(byte[] key, byte[] value, byte[] type) => _log[Encoding.UTF8.GetString(key)] = (value, type);

    public void Changelog(byte[] key, byte[] value, byte[] type) => Output(key, value, type);

    public void ChangelogTombstone(byte[] key) => Assert.That(_log.Remove(Encoding.UTF8.GetString(key)), "a tombstone for a key that was never written");

    public void Dispose() => Task.Dispose();

    private FlowsTask NewTask() => new(1, _remember, _memory, _clock);
}
