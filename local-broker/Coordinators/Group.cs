using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Coordinators;

/// <summary>Where a group stands in its rebalance; the names are what DescribeGroups shows.</summary>
internal enum GroupState
{
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

/// <summary>
/// One classic consumer group: its members and the rebalance protocol. Every method runs under <paramref name="gate"/>, which all groups share and
/// timer callbacks take too; waiting members are answered through their completion sources, whose continuations run elsewhere.
/// </summary>
internal sealed partial class Group(string id, Lock gate, LocalBrokerOptions options, Action<Group> generationChanged)
{
    private readonly List<GroupMember> _members = [];
    private readonly Dictionary<string, ITimer> _pendingIds = new(StringComparer.Ordinal);
    private GroupMember? _leader;
    private ITimer? _rebalanceTimer;
    private ITimer? _syncTimer;

    public string Id { get; } = id;

    public GroupState State { get; private set; } = GroupState.Empty;

    public int Generation { get; set; }

    public string? ProtocolType { get; private set; }

    public string? Protocol { get; private set; }

    /// <summary>When it last became empty, for the expiry of its offsets.</summary>
    public long EmptySince { get; set; }

    public IReadOnlyList<GroupMember> Members => _members;

    public GroupMember? Find(string memberId) => _members.Find(m => m.Id == memberId);

    /// <summary>Known member, and for a static one the current owner of its instance id.</summary>
    public ErrorCode CheckMember(string memberId, string? instance)
    {
        if (instance is not null)
            return FindInstance(instance) is not { } owner ? ErrorCode.UnknownMemberId
                : owner.Id == memberId ? ErrorCode.None : ErrorCode.FencedInstanceId;
        return Find(memberId) is not null ? ErrorCode.None : ErrorCode.UnknownMemberId;
    }

    public Task<Key11JoinGroup.Response> Join(Key11JoinGroup.Request request, short version, string clientId, string clientHost)
    {
        if (!IsCompatible(request))
            return Answer(Key11JoinGroup.Response.Failed(ErrorCode.InconsistentGroupProtocol, request.Member));
        if (request.Member.Length > 0)
            return JoinKnown(request, clientId, clientHost);
        string fresh = $"{request.Instance ?? clientId}-{Guid.NewGuid()}";
        if (request.Instance is not null)
            return FindInstance(request.Instance) is { } earlier
                ? ReplaceStatic(earlier, fresh, request, clientId, clientHost)
                : AddMember(fresh, request, clientId, clientHost);
        // KIP-394: a dynamic member must come back with the id it is given, so that a lost answer leaves no ghost behind.
        if (version < 4)
            return AddMember(fresh, request, clientId, clientHost);
        var session = TimeSpan.FromMilliseconds(request.SessionTimeoutMs);
        _pendingIds[fresh] = StartTimer(() => ForgetPending(fresh), session);
        return Answer(Key11JoinGroup.Response.Failed(ErrorCode.MemberIdRequired, fresh));
    }

    public Task<Key14SyncGroup.Response> Sync(Key14SyncGroup.Request request)
    {
        ErrorCode error = CheckMember(request.Member, request.Instance);
        if (error == ErrorCode.None && request.Generation != Generation)
            error = ErrorCode.IllegalGeneration;
        if (error == ErrorCode.None && State == GroupState.PreparingRebalance)
            error = ErrorCode.RebalanceInProgress;
        if (error != ErrorCode.None)
            return Task.FromResult(Key14SyncGroup.Response.Failed(error));
        GroupMember member = Find(request.Member)!;
        if (State == GroupState.Stable)
        {
            RestartSession(member);
            return Task.FromResult(new Key14SyncGroup.Response(ErrorCode.None, member.Assignment));
        }

        member.AnswerSync(Key14SyncGroup.Response.Failed(ErrorCode.RebalanceInProgress));
        member.Syncing = new TaskCompletionSource<Key14SyncGroup.Response>(TaskCreationOptions.RunContinuationsAsynchronously);
        StopSession(member);
        Task<Key14SyncGroup.Response> answer = member.Syncing.Task;
        if (member == _leader)
            BecomeStable(request.Assignments);
        return answer;
    }

    public ErrorCode Heartbeat(string memberId, string? instance, int generation)
    {
        ErrorCode error = CheckMember(memberId, instance);
        if (error != ErrorCode.None)
            return error;
        if (generation != Generation)
            return ErrorCode.IllegalGeneration;
        RestartSession(Find(memberId)!);
        return State == GroupState.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
    }

    public ErrorCode Leave(string memberId, string? instance)
    {
        GroupMember? member = Find(memberId);
        if (instance is not null)
        {
            if (FindInstance(instance) is not { } owner)
                return ErrorCode.UnknownMemberId;
            if (memberId.Length > 0 && owner.Id != memberId)
                return ErrorCode.FencedInstanceId;
            member = owner;
        }

        if (member is not null)
        {
            Remove(member);
            return ErrorCode.None;
        }

        if (!_pendingIds.ContainsKey(memberId))
            return ErrorCode.UnknownMemberId;
        ForgetPendingNow(memberId);
        return ErrorCode.None;
    }

    /// <summary>Whether a plain or transactional commit of offsets may come from that member now.</summary>
    public ErrorCode CheckCommit(string memberId, string? instance, int generation, bool transactional)
    {
        // Without a generation: an admin's commit, or a transaction of a client that knows no groups (before KIP-447).
        if (generation < 0 && (State == GroupState.Empty || (memberId.Length == 0 && instance is null)))
            return transactional || State == GroupState.Empty ? ErrorCode.None : ErrorCode.UnknownMemberId;
        ErrorCode error = CheckMember(memberId, instance);
        if (error != ErrorCode.None)
            return error;
        if (generation != Generation)
            return ErrorCode.IllegalGeneration;
        if (!transactional && State == GroupState.CompletingRebalance)
            return ErrorCode.RebalanceInProgress;
        RestartSession(Find(memberId)!);
        return ErrorCode.None;
    }

    /// <summary>Ends the group: whoever waits is told that its membership is gone.</summary>
    public void Close()
    {
        State = GroupState.Dead;
        _rebalanceTimer?.Dispose();
        _syncTimer?.Dispose();
        foreach (ITimer timer in _pendingIds.Values)
            timer.Dispose();
        foreach (GroupMember member in _members)
        {
            member.SessionTimer?.Dispose();
            member.AnswerJoin(Key11JoinGroup.Response.Failed(ErrorCode.CoordinatorNotAvailable, member.Id));
            member.AnswerSync(Key14SyncGroup.Response.Failed(ErrorCode.CoordinatorNotAvailable));
        }
    }

    private static Task<Key11JoinGroup.Response> Answer(Key11JoinGroup.Response response) => Task.FromResult(response);

    private GroupMember? FindInstance(string instance) => _members.Find(m => m.Instance == instance);

    private bool IsCompatible(Key11JoinGroup.Request request)
    {
        if (request.ProtocolType.Length == 0 || request.Protocols.Length == 0)
            return false;
        GroupMember[] others = [.. _members.Where(m => m.Id != request.Member && (request.Instance is null || m.Instance != request.Instance))];
        return others.Length == 0
            || (ProtocolType == request.ProtocolType && request.Protocols.Any(p => others.All(m => m.Protocols.Any(o => o.Name == p.Name))));
    }

    private Task<Key11JoinGroup.Response> JoinKnown(Key11JoinGroup.Request request, string clientId, string clientHost)
    {
        if (request.Instance is null && _pendingIds.Remove(request.Member, out ITimer? pending))
        {
            pending.Dispose();
            return AddMember(request.Member, request, clientId, clientHost);
        }

        ErrorCode error = CheckMember(request.Member, request.Instance);
        if (error != ErrorCode.None)
            return Answer(Key11JoinGroup.Response.Failed(error, request.Member));
        GroupMember member = Find(request.Member)!;
        bool unchanged = member.HasSameProtocols(request.Protocols);
        // A follower that joins again as it was gets the same answer; the leader does so to ask for a new assignment.
        if (unchanged && (State == GroupState.CompletingRebalance || (State == GroupState.Stable && member != _leader)))
        {
            RestartSession(member);
            return Answer(Current(member, withMembers: member == _leader));
        }

        Update(member, request);
        return Rejoin(member);
    }

    private Task<Key11JoinGroup.Response> AddMember(string memberId, Key11JoinGroup.Request request, string clientId, string clientHost)
    {
        var member = new GroupMember(memberId, request.Instance, clientId, clientHost);
        Update(member, request);
        ProtocolType = request.ProtocolType;
        member.SessionTimer = StartTimer(() => ExpireSession(member), Timeout.InfiniteTimeSpan);
        _members.Add(member);
        return Rejoin(member);
    }

    private Task<Key11JoinGroup.Response> ReplaceStatic(
        GroupMember earlier, string memberId, Key11JoinGroup.Request request, string clientId, string clientHost)
    {
        string? leaderBefore = _leader?.Id;
        bool unchanged = earlier.HasSameProtocols(request.Protocols);
        earlier.AnswerJoin(Key11JoinGroup.Response.Failed(ErrorCode.FencedInstanceId, earlier.Id));
        earlier.AnswerSync(Key14SyncGroup.Response.Failed(ErrorCode.FencedInstanceId));
        earlier.SessionTimer?.Dispose();
        var member = new GroupMember(memberId, request.Instance, clientId, clientHost) { Assignment = earlier.Assignment };
        Update(member, request);
        member.SessionTimer = StartTimer(() => ExpireSession(member), Timeout.InfiniteTimeSpan);
        _members[_members.IndexOf(earlier)] = member;
        if (_leader == earlier)
            _leader = member;
        if (State != GroupState.Stable || !unchanged)
            return Rejoin(member);
        // KIP-345: nothing changed, so nobody rebalances. The old leader's id in the answer keeps a returned leader from assigning anew.
        RestartSession(member);
        return Answer(Current(member, withMembers: false) with { Leader = leaderBefore ?? "" });
    }

    private static void Update(GroupMember member, Key11JoinGroup.Request request)
    {
        member.Protocols = request.Protocols;
        member.SessionTimeout = TimeSpan.FromMilliseconds(request.SessionTimeoutMs);
        member.RebalanceTimeout = TimeSpan.FromMilliseconds(Math.Max(0, request.RebalanceTimeoutMs));
    }

    private Key11JoinGroup.Response Current(GroupMember member, bool withMembers) => new(
        ErrorCode.None, Generation, Protocol ?? "", _leader?.Id ?? "", member.Id,
        withMembers ? [.. _members.Select(m => new Key11JoinGroup.MemberInfo(m.Id, m.Instance, m.MetadataFor(Protocol ?? "")))] : []);
}
