using System.Collections.Concurrent;
using Confluent.Kafka;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>
/// A consumer with a thread of its own that enters what it holds in a table shared with the others, where a partition held by two shows, and commits
/// what it has read before it gives a partition away.
/// </summary>
internal sealed class CooperativeMember
{
    private readonly ConcurrentDictionary<int, string> _owners;
    private readonly ConcurrentQueue<string> _faults;
    private readonly Action<string> _read;
    private readonly IConsumer<string, string> _consumer;
    private readonly Task _running;
    private readonly HashSet<int> _held = [];
    private int _changes;
    private volatile bool _leaving;

    public CooperativeMember(
        string name, int sessionMs, bool isStatic, string bootstrap, string topic, ConcurrentDictionary<int, string> owners, ConcurrentQueue<string> faults, Action<string> read)
    {
        (Name, _owners, _faults, _read) = (name, owners, faults, read);
        var config = new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "cooperative",
            GroupInstanceId = isStatic ? name : null,
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            SessionTimeoutMs = sessionMs,
            HeartbeatIntervalMs = 100,
            FetchWaitMaxMs = 50,
        };
        _consumer = new ConsumerBuilder<string, string>(config).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { })
            .SetPartitionsAssignedHandler((_, added) => Take(added))
            .SetPartitionsRevokedHandler((_, removed) => GiveAway(removed.ConvertAll(r => r.TopicPartition), commit: true))
            .SetPartitionsLostHandler((_, removed) => GiveAway(removed.ConvertAll(r => r.TopicPartition), commit: false))
            .Build();
        _consumer.Subscribe(topic);
        _running = Task.Factory.StartNew(Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public string Name { get; }

    /// <summary>Partitions held now, in order.</summary>
    public int[] Held
    {
        get
        {
            lock (_held)
                return [.. _held.Order()];
        }
    }

    /// <summary>How often partitions came or went.</summary>
    public int Changes => Volatile.Read(ref _changes);

    /// <summary>Commits, leaves the group (a static member: only goes away) and waits for the thread.</summary>
    public async Task LeaveAsync()
    {
        _leaving = true;
        await _running;
    }

    private void Run()
    {
        try
        {
            while (!_leaving)
            {
                if (_consumer.Consume(20) is not { } result)
                    continue;
                if (_owners.GetValueOrDefault(result.Partition.Value) != Name)
                    _faults.Enqueue($"{Name} read from {result.Partition.Value}, which is not its own");
                _read(result.Message.Value);
                _consumer.StoreOffset(result);
            }

            _consumer.Close();
        }
        catch (KafkaException e)
        {
            _faults.Enqueue($"{Name}: {e.Message}");
        }
        finally
        {
            _consumer.Dispose();
        }
    }

    private void Take(List<TopicPartition> added)
    {
        Note(added);
        foreach (TopicPartition partition in added)
        {
            if (!_owners.TryAdd(partition.Partition.Value, Name))
                _faults.Enqueue($"{partition.Partition.Value} was given to {Name} while {_owners.GetValueOrDefault(partition.Partition.Value)} held it");
        }

        lock (_held)
            _held.UnionWith(added.Select(p => p.Partition.Value));
    }

    private void GiveAway(List<TopicPartition> removed, bool commit)
    {
        Note(removed);
        if (commit)
            Commit();
        else
            _faults.Enqueue($"{Name} lost {string.Join(", ", removed.Select(p => p.Partition.Value))}");
        lock (_held)
            _held.ExceptWith(removed.Select(p => p.Partition.Value));
        foreach (TopicPartition partition in removed)
            _owners.TryRemove(partition.Partition.Value, out _);
    }

    // The last of several cooperative rounds moves nothing.
    private void Note(List<TopicPartition> moved)
    {
        if (moved.Count > 0)
            Interlocked.Increment(ref _changes);
    }

    private void Commit()
    {
        try
        {
            _consumer.Commit();
        }
        catch (KafkaException e) when (e.Error.Code == ErrorCode.Local_NoOffset)
        {
            // Nothing was read since the last time.
        }
        catch (KafkaException e)
        {
            _faults.Enqueue($"{Name} could not commit: {e.Error.Code} {e.Message}");
        }
    }
}
