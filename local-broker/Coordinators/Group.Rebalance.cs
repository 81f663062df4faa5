using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.LocalBroker.Coordinators;

/// <summary>The rebalance itself, and the timers that drive it.</summary>
internal sealed partial class Group
{
    private bool _isGathering;

    private Task<Key11JoinGroup.Response> Rejoin(GroupMember member)
    {
        member.AnswerJoin(Key11JoinGroup.Response.Failed(ErrorCode.RebalanceInProgress, member.Id));
        member.Joining = new TaskCompletionSource<Key11JoinGroup.Response>(TaskCreationOptions.RunContinuationsAsynchronously);
        StopSession(member);
        Task<Key11JoinGroup.Response> answer = member.Joining.Task;
        PrepareRebalance();
        return answer;
    }

    private void PrepareRebalance()
    {
        if (State != GroupState.PreparingRebalance)
        {
            _syncTimer?.Dispose();
            foreach (GroupMember member in _members.Where(m => m.Syncing is not null))
            {
                member.AnswerSync(Key14SyncGroup.Response.Failed(ErrorCode.RebalanceInProgress));
                RestartSession(member);
            }

            // An empty group gives the members that start with the first a moment to arrive, however complete it looks.
            _isGathering = State == GroupState.Empty && options.GroupInitialRebalanceDelay > TimeSpan.Zero;
            State = GroupState.PreparingRebalance;
            _rebalanceTimer?.Dispose();
            _rebalanceTimer = StartTimer(EndJoinPhase, _isGathering ? options.GroupInitialRebalanceDelay : _members.Max(m => m.RebalanceTimeout));
        }

        if (!_isGathering && _pendingIds.Count == 0 && _members.TrueForAll(m => m.Joining is not null))
            EndJoinPhase();
    }

    /// <summary>All have joined again, or the longest rebalance time-out is over: who is missing is out.</summary>
    private void EndJoinPhase()
    {
        if (State != GroupState.PreparingRebalance)
            return;
        _rebalanceTimer?.Dispose();
        // Static members stay until their session ends, whether they joined again or not.
        foreach (GroupMember missing in _members.FindAll(m => m.Joining is null && m.Instance is null))
            Drop(missing);
        if (_members.Count == 0)
        {
            BecomeEmpty();
            return;
        }

        if (_leader is null || !_members.Contains(_leader) || _leader.Joining is null)
            _leader = _members.Find(m => m.Joining is not null) ?? _members[0];
        Generation = Generation == int.MaxValue ? 1 : Generation + 1;
        Protocol = SelectProtocol();
        State = GroupState.CompletingRebalance;
        generationChanged(this);
        _syncTimer = StartTimer(DropWhoNeverSynced, _members.Max(m => m.RebalanceTimeout));
        foreach (GroupMember member in _members)
        {
            member.AnswerJoin(Current(member, withMembers: member == _leader));
            RestartSession(member);
        }
    }

    // Each member votes for the first of its protocols that all support.
    private string SelectProtocol()
    {
        HashSet<string> common = [.. _members[0].Protocols.Select(p => p.Name)];
        foreach (GroupMember member in _members)
            common.IntersectWith(member.Protocols.Select(p => p.Name));
        return _members
            .Select(m => m.Protocols.First(p => common.Contains(p.Name)).Name)
            .GroupBy(name => name, StringComparer.Ordinal)
            .MaxBy(votes => votes.Count())!
            .Key;
    }

    private void BecomeStable(IReadOnlyDictionary<string, byte[]> assignments)
    {
        _syncTimer?.Dispose();
        State = GroupState.Stable;
        foreach (GroupMember member in _members)
        {
            member.Assignment = assignments.GetValueOrDefault(member.Id) ?? [];
            bool waited = member.Syncing is not null;
            member.AnswerSync(new Key14SyncGroup.Response(ErrorCode.None, member.Assignment));
            if (waited)
                RestartSession(member);
        }
    }

    private void DropWhoNeverSynced()
    {
        if (State != GroupState.CompletingRebalance)
            return;
        foreach (GroupMember silent in _members.FindAll(m => m.Syncing is null))
            Drop(silent);
        if (_members.Count == 0)
            BecomeEmpty();
        else
            PrepareRebalance();
    }

    private void BecomeEmpty()
    {
        Generation = Generation == int.MaxValue ? 1 : Generation + 1;
        State = GroupState.Empty;
        (_leader, Protocol) = (null, null);
        EmptySince = options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        _rebalanceTimer?.Dispose();
        _syncTimer?.Dispose();
        generationChanged(this);
    }

    private void Remove(GroupMember member)
    {
        Drop(member);
        if (State is GroupState.Empty or GroupState.Dead)
            return;
        if (_members.Count == 0 && _pendingIds.Count == 0)
            BecomeEmpty();
        else
            PrepareRebalanceWithoutOne();
    }

    private void PrepareRebalanceWithoutOne()
    {
        if (_members.Count == 0)
            BecomeEmpty();
        else
            PrepareRebalance();
    }

    private void Drop(GroupMember member)
    {
        _members.Remove(member);
        member.SessionTimer?.Dispose();
        member.AnswerJoin(Key11JoinGroup.Response.Failed(ErrorCode.UnknownMemberId, member.Id));
        member.AnswerSync(Key14SyncGroup.Response.Failed(ErrorCode.UnknownMemberId));
        if (_leader == member)
            _leader = null;
    }

    private void ForgetPending(string memberId)
    {
        if (_pendingIds.ContainsKey(memberId))
            ForgetPendingNow(memberId);
    }

    private void ForgetPendingNow(string memberId)
    {
        _pendingIds.Remove(memberId, out ITimer? timer);
        timer?.Dispose();
        if (State == GroupState.PreparingRebalance && _members.Count > 0)
            PrepareRebalance();
    }

    private void ExpireSession(GroupMember member)
    {
        if (!_members.Contains(member) || member.IsWaiting)
            return;
        TimeSpan left = options.TimeProvider.GetElapsedTime(options.TimeProvider.GetTimestamp(), member.SessionDeadline);
        if (left <= TimeSpan.Zero)
            Remove(member);
        else
            // Timers count coarser ticks than the deadline and may fire a moment early; unarmed, the member would stay for ever.
            member.SessionTimer?.Change(left + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    private void RestartSession(GroupMember member)
    {
        TimeProvider time = options.TimeProvider;
        member.SessionDeadline = time.GetTimestamp() + (long)(member.SessionTimeout.TotalSeconds * time.TimestampFrequency);
        if (!member.IsWaiting)
            member.SessionTimer?.Change(member.SessionTimeout, Timeout.InfiniteTimeSpan);
    }

    private static void StopSession(GroupMember member) => member.SessionTimer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private ITimer StartTimer(Action action, TimeSpan due) => options.TimeProvider.CreateTimer(
        _ =>
        {
            lock (gate)
                action();
        },
        null,
        due,
        Timeout.InfiniteTimeSpan);
}
