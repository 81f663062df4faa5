using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>
/// All groups, their offsets, and the journal that keeps them. One lock for all: the work under it is small and in memory, but for a short write.
/// Members are not kept over a restart; they join again when told that they are unknown. Generations go on rising, so a fenced member stays fenced.
/// </summary>
internal sealed class GroupCoordinator : IDisposable
{
    private const int MetadataCharsMax = 4096;
    private readonly Lock _gate = new();
    private readonly LocalBrokerOptions _options;
    private readonly TopicCatalog _topics;
    private readonly Dictionary<string, Group> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, GroupOffsets> _offsets = new(StringComparer.Ordinal);
    private readonly GroupJournal _journal;
    private bool _closed;

    public GroupCoordinator(string path, LocalBrokerOptions options, TopicCatalog topics, StorageContext context)
    {
        (_options, _topics) = (options, topics);
        _journal = new GroupJournal(path, context, LoadGeneration, LoadOffset, RemoveLoaded);
        foreach (string name in _offsets.Keys)
            GetOrAdd(name);
    }

    /// <summary>True when nothing that was answered lately may be on the disk.</summary>
    public bool HasFailed => _journal.HasFailed;

    private long Now => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();

    public Task<Key11JoinGroup.Response> JoinAsync(Key11JoinGroup.Request request, short version, string clientId, string clientHost)
    {
        ErrorCode refused = ErrorCode.None;
        var session = TimeSpan.FromMilliseconds(request.SessionTimeoutMs);
        if (request.Group.Length == 0)
            refused = ErrorCode.InvalidGroupId;
        else if (session < _options.GroupSessionTimeoutMin || session > _options.GroupSessionTimeoutMax)
            refused = ErrorCode.InvalidSessionTimeout;
        if (refused != ErrorCode.None)
            return Task.FromResult(Key11JoinGroup.Response.Failed(refused, request.Member));
        lock (_gate)
        {
            if (_closed)
                return Task.FromResult(Key11JoinGroup.Response.Failed(ErrorCode.CoordinatorNotAvailable, request.Member));
            // Without the group a member that says it has an id is a stranger.
            if (!_groups.ContainsKey(request.Group) && request.Member.Length > 0)
                return Task.FromResult(Key11JoinGroup.Response.Failed(ErrorCode.UnknownMemberId, request.Member));
            return GetOrAdd(request.Group).Join(request, version, clientId, clientHost);
        }
    }

    public Task<Key14SyncGroup.Response> SyncAsync(Key14SyncGroup.Request request)
    {
        lock (_gate)
            return _groups.GetValueOrDefault(request.Group)?.Sync(request) ?? Task.FromResult(Key14SyncGroup.Response.Failed(ErrorCode.UnknownMemberId));
    }

    public ErrorCode Heartbeat(Key12Heartbeat.Request request)
    {
        lock (_gate)
            return _groups.GetValueOrDefault(request.Group)?.Heartbeat(request.Member, request.Instance, request.Generation) ?? ErrorCode.UnknownMemberId;
    }

    public List<(Key13LeaveGroup.Leaver Member, ErrorCode Error)> Leave(Key13LeaveGroup.Request request)
    {
        lock (_gate)
        {
            Group? group = _groups.GetValueOrDefault(request.Group);
            return [.. request.Members.Select(m => (m, group?.Leave(m.Member, m.Instance) ?? ErrorCode.UnknownMemberId))];
        }
    }

    public List<TopicErrors> Commit(Key08OffsetCommit.Request request)
    {
        lock (_gate)
        {
            ErrorCode error = _groups.GetValueOrDefault(request.Group)?.CheckCommit(request.Member, request.Instance, request.Generation, transactional: false)
                ?? (request.Generation >= 0 ? ErrorCode.IllegalGeneration : ErrorCode.None);
            var accepted = new List<(TopicPartition, CommittedOffset)>();
            List<TopicErrors> errors = CheckOffsets(request.Topics, error, accepted);
            return Store(request.Group, accepted) ? errors : CheckOffsets(request.Topics, ErrorCode.CoordinatorNotAvailable, []);
        }
    }

    /// <summary>Checks offsets that belong to a transaction and marks their partitions as unstable; the caller keeps them until the transaction ends.</summary>
    public List<TopicErrors> Stage(Key28TxnOffsetCommit.Request request, Func<List<(TopicPartition, CommittedOffset)>, bool> keep)
    {
        lock (_gate)
        {
            Group? group = request.Generation < 0 ? GetOrAdd(request.Group) : _groups.GetValueOrDefault(request.Group);
            ErrorCode error = group?.CheckCommit(request.Member, request.Instance, request.Generation, transactional: true) ?? ErrorCode.IllegalGeneration;
            var accepted = new List<(TopicPartition, CommittedOffset)>();
            List<TopicErrors> errors = CheckOffsets(request.Topics, error, accepted);
            if (accepted.Count == 0)
                return errors;
            if (!keep(accepted))
                return CheckOffsets(request.Topics, ErrorCode.CoordinatorNotAvailable, []);
            MarkUnstable(request.Group, request.ProducerId, accepted.Select(a => a.Item1));
            return errors;
        }
    }

    /// <summary>Marks partitions whose offsets an open transaction holds, also when transactions come back at start.</summary>
    public void MarkUnstable(string group, long producerId, IEnumerable<TopicPartition> partitions)
    {
        lock (_gate)
        {
            GroupOffsets offsets = OffsetsOf(group);
            foreach (TopicPartition partition in partitions)
                offsets.AddUnstable(partition, producerId);
        }
    }

    /// <summary>Ends what <see cref="Stage"/> began; the offsets become visible when the transaction was committed. False when they could not be stored.</summary>
    public bool EndStaged(string group, long producerId, IReadOnlyCollection<(TopicPartition, CommittedOffset)> staged, bool commit)
    {
        lock (_gate)
        {
            if (commit && !Store(group, staged))
                return false;
            OffsetsOf(group).RemoveUnstable(producerId);
            return true;
        }
    }

    public List<Key09OffsetFetch.TopicResult> FetchOffsets(Key09OffsetFetch.Request request)
    {
        lock (_gate)
        {
            GroupOffsets? offsets = _offsets.GetValueOrDefault(request.Group);
            IEnumerable<TopicPartitions> wanted = request.Topics
                ?? offsets?.Committed.Keys.GroupBy(p => p.Topic).Select(g => new TopicPartitions(g.Key, [.. g.Select(p => p.Partition)])) ?? [];
            return [.. wanted.Select(t => new Key09OffsetFetch.TopicResult(t.Name, [.. t.Partitions.Select(p => offsets is null
                ? GroupOffsets.None(p) : offsets.Fetch(new TopicPartition(t.Name, p), request.RequireStable))]))];
        }
    }

    public void TopicDeleted(string topic) => Forget(partition => partition.Topic == topic);

    /// <summary>Drops offsets of groups that have been empty for longer than the retention, and groups with nothing left.</summary>
    public void ExpireOffsets()
    {
        lock (_gate)
        {
            long before = Now - (long)_options.OffsetsRetention.TotalMilliseconds;
            foreach (Group group in _groups.Values.Where(g => g.State == GroupState.Empty && g.EmptySince < before).ToList())
            {
                GroupOffsets offsets = OffsetsOf(group.Id);
                _journal.RemoveOffsets(group.Id, offsets.RemoveWhere((_, o) => o.CommittedAt < before));
                if (offsets.IsEmpty)
                    RemoveGroup(group);
            }
        }
    }

    /// <summary>Runs with all groups held still; for the admin requests.</summary>
    public T Read<T>(Func<IReadOnlyDictionary<string, Group>, T> read)
    {
        lock (_gate)
            return read(_groups);
    }

    public ErrorCode DeleteGroup(string name)
    {
        lock (_gate)
        {
            if (_groups.GetValueOrDefault(name) is not { } group)
                return ErrorCode.GroupIdNotFound;
            if (group.State != GroupState.Empty)
                return ErrorCode.NonEmptyGroup;
            RemoveGroup(group);
            return ErrorCode.None;
        }
    }

    /// <summary>Deletes the offsets of a group in the given partitions.</summary>
    public void DeleteOffsets(string name, IReadOnlyCollection<TopicPartition> partitions)
    {
        lock (_gate)
            _journal.RemoveOffsets(name, OffsetsOf(name).RemoveWhere((p, _) => partitions.Contains(p)));
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            foreach (Group group in _groups.Values)
                group.Close();
        }

        _journal.Dispose();
    }

    private Group GetOrAdd(string name)
    {
        if (!_groups.TryGetValue(name, out Group? group))
            _groups.Add(name, group = new Group(name, _gate, _options, g => _journal.SaveGeneration(g.Id, g.Generation)) { EmptySince = Now });
        return group;
    }

    private GroupOffsets OffsetsOf(string group)
    {
        if (!_offsets.TryGetValue(group, out GroupOffsets? offsets))
            _offsets.Add(group, offsets = new GroupOffsets());
        return offsets;
    }

    private List<TopicErrors> CheckOffsets(TopicOffsets[] topics, ErrorCode groupError, List<(TopicPartition, CommittedOffset)> accepted)
    {
        long now = Now;
        var errors = new List<TopicErrors>(topics.Length);
        foreach (TopicOffsets topic in topics)
        {
            var partitions = new (int, ErrorCode)[topic.Partitions.Length];
            for (int i = 0; i < partitions.Length; i++)
            {
                OffsetToCommit offset = topic.Partitions[i];
                ErrorCode error = groupError;
                if (error == ErrorCode.None && _topics.Find(topic.Name, offset.Partition) is null)
                    error = ErrorCode.UnknownTopicOrPartition;
                if (error == ErrorCode.None && offset.Metadata?.Length > MetadataCharsMax)
                    error = ErrorCode.OffsetMetadataTooLarge;
                partitions[i] = (offset.Partition, error);
                if (error == ErrorCode.None)
                    accepted.Add((new TopicPartition(topic.Name, offset.Partition), new CommittedOffset(offset.Offset, offset.LeaderEpoch, offset.Metadata ?? "", now)));
            }

            errors.Add(new TopicErrors(topic.Name, partitions));
        }

        return errors;
    }

    private bool Store(string group, IReadOnlyCollection<(TopicPartition, CommittedOffset)> offsets)
    {
        if (offsets.Count == 0)
            return true;
        if (_closed || !_journal.SaveOffsets(group, offsets))
            return false;
        GetOrAdd(group);
        GroupOffsets kept = OffsetsOf(group);
        foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
            kept.Set(partition, offset);
        if (_journal.IsWorthRewriting)
            _journal.Rewrite(_groups.Values.Select(g => (g.Id, g.Generation)), _offsets.Select(o => (o.Key, o.Value.Committed)));
        return true;
    }

    private void Forget(Predicate<TopicPartition> which)
    {
        lock (_gate)
        {
            foreach ((string group, GroupOffsets offsets) in _offsets)
                _journal.RemoveOffsets(group, offsets.RemoveWhere((p, _) => which(p)));
        }
    }

    private void RemoveGroup(Group group)
    {
        group.Close();
        _groups.Remove(group.Id);
        _offsets.Remove(group.Id);
        _journal.RemoveGroup(group.Id);
    }

    private void LoadGeneration(string group, int generation) => GetOrAdd(group).Generation = generation;

    private void LoadOffset(string group, TopicPartition partition, CommittedOffset? offset)
    {
        if (offset is { } value)
            OffsetsOf(group).Set(partition, value);
        else
            OffsetsOf(group).RemoveWhere((p, _) => p == partition);
    }

    private void RemoveLoaded(string group)
    {
        _groups.Remove(group);
        _offsets.Remove(group);
    }
}
