using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Engine;

/// <summary>Topics of a job. Input partition p yields into partition p of each of the others.</summary>
/// <param name="Input">Read.</param>
/// <param name="Output">What the job yields, and its progress.</param>
/// <param name="Changelog">Its state; may be the output.</param>
/// <param name="DeadLetter">What it could not take.</param>
/// <param name="Aside">A second output, without progress, if the job has one.</param>
public sealed record JobTopics(string Input, string Output, string Changelog, string DeadLetter, string? Aside = null)
{
    public IEnumerable<string> All => Aside is null ? [Input, Output, Changelog, DeadLetter] : [Input, Output, Changelog, DeadLetter, Aside];
}

/// <summary>A job the engine runs: pure logic in, records out.</summary>
public interface IJob
{
    string Name { get; }
    JobTopics Topics { get; }

    /// <summary>Order of rebuilds; state of another generation is not ours.</summary>
    int Generation { get; }

    /// <summary>The key that says <see cref="Generation"/>.</summary>
    string GenerationSetting => $"{ProcessorOptions.Section}:{nameof(ProcessorOptions.Generation)}";

    /// <summary>
    /// Its tasks share state, so that one instance has all partitions or none, and all of them commit together, in the order of their
    /// partitions.
    /// </summary>
    bool IsMerging => false;

    /// <param name="partition">Input partition whose events the task will be given, in their order.</param>
    /// <param name="partitionCount">Partitions of the input topic.</param>
    IJobTask CreateTask(int partition, int partitionCount);
}

/// <summary>One input partition of a job. Nothing in it may depend on anything but the records it was given.</summary>
public interface IJobTask : IDisposable
{
    /// <summary>Takes one record of the changelog that is not progress.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="value">Its value, empty where it is a tombstone.</param>
    /// <param name="headers">Its headers.</param>
    void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers);

    /// <summary>Takes the job's part of a restored progress record.</summary>
    /// <returns>Null, or one sentence that says why this process must not go on from there.</returns>
    string? Resume(Progress progress);

    /// <returns>What became of it, or <see cref="Outcome.Deferred"/> where only <see cref="Settle"/> can tell.</returns>
    Outcome Process(in LogRecord record);

    /// <summary>Everything readable of the partition was read.</summary>
    void ReachedEnd()
    {
    }

    /// <summary>Decides what was deferred. Called before <see cref="Emit"/>.</summary>
    Settled Settle() => default;

    /// <summary>Hands out what changed since the last call.</summary>
    /// <param name="nextOffset">Every record below it was processed.</param>
    /// <param name="emit">Takes the records.</param>
    void Emit(long nextOffset, IEmit emit);

    /// <summary>Fills in the job's part of a progress record.</summary>
    void Describe(Progress progress);

    /// <summary>Its state on this machine's disk, if it has any.</summary>
    ILocalState? Local => null;
}

/// <summary>Where a task's records go: its own partition of the job's topics.</summary>
public interface IEmit
{
    void Output(byte[] key, byte[] value, byte[] type);

    /// <summary>Writes to the job's second output.</summary>
    void Aside(byte[] key, byte[] value, byte[] type) => throw new NotSupportedException();

    void Changelog(byte[] key, byte[] value, byte[] type);

    /// <summary>Removes a key from the changelog.</summary>
    void ChangelogTombstone(byte[] key);

    /// <summary>Removes a key from another partition of the changelog: only for tasks that share their state.</summary>
    void ChangelogTombstone(int partition, byte[] key) => throw new NotSupportedException();

    /// <summary>Writes to a topic that others read, as it is.</summary>
    void Publish(string topic, int partition, byte[] key, byte[] value) => throw new NotSupportedException();
}
