using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.Tests.Unit.LocalBroker.Coordinators;

public sealed class GroupTests
{
    private const int SessionMs = 6000;
    private const int RebalanceMs = 20_000;

    [Test]
    public async Task A_dynamic_member_is_given_an_id_before_it_joins()
    {
        await using var broker = new TestCoordinators();
        Key11JoinGroup.Response refused = await Join(broker);
        Assert.That(refused.Error, Is.EqualTo(ErrorCode.MemberIdRequired));
        Key11JoinGroup.Response joined = await Join(broker, refused.Member);
        Assert.That((joined.Error, joined.Generation, joined.Leader, joined.Members.Count), Is.EqualTo((ErrorCode.None, 1, refused.Member, 1)));
        Key11JoinGroup.Response old = await broker.Groups.JoinAsync(Request("", null, "other-group"), version: 3, "c", "h");
        Assert.That(old.Error, Is.EqualTo(ErrorCode.None), "older clients are taken at once");
    }

    [Test]
    public async Task Followers_wait_for_the_leaders_assignment()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        Task<Key14SyncGroup.Response> waiting = Sync(broker, follower, generation);
        Assert.That(waiting.IsCompleted, Is.False);
        Key14SyncGroup.Response led = await Sync(broker, leader, generation, (leader, [1]), (follower, [2]));
        Assert.That(led.Assignment, Is.EqualTo(new byte[] { 1 }));
        Assert.That((await waiting).Assignment, Is.EqualTo(new byte[] { 2 }));
        Assert.That((await Sync(broker, follower, generation)).Assignment, Is.EqualTo(new byte[] { 2 }), "asked again in a stable group");
    }

    [Test]
    public async Task A_silent_member_is_out_after_its_session_and_the_others_are_told()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        broker.Time.Advance(TimeSpan.FromMilliseconds(SessionMs - 1));
        Assert.That(Beat(broker, leader, generation), Is.EqualTo(ErrorCode.None));
        broker.Time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.That(Beat(broker, follower, generation), Is.EqualTo(ErrorCode.UnknownMemberId));
        Assert.That(Beat(broker, leader, generation), Is.EqualTo(ErrorCode.RebalanceInProgress));
        Key11JoinGroup.Response again = await Join(broker, leader);
        Assert.That((again.Generation, again.Members.Count), Is.EqualTo((generation + 1, 1)));
    }

    [Test]
    public async Task A_member_that_does_not_join_again_is_out_when_the_rebalance_is_over()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        Task<Key11JoinGroup.Response> joining = Join(broker, leader);
        Assert.That(joining.IsCompleted, Is.False, "the follower has not come yet");
        for (int beat = 0; beat < RebalanceMs / 5000; beat++)
        {
            Assert.That(Beat(broker, follower, generation), Is.EqualTo(ErrorCode.RebalanceInProgress));
            broker.Time.Advance(TimeSpan.FromMilliseconds(5000));
        }

        Key11JoinGroup.Response joined = await joining;
        Assert.That((joined.Error, joined.Members.Count), Is.EqualTo((ErrorCode.None, 1)));
    }

    [Test]
    public async Task Stale_generations_and_strangers_are_refused()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        Assert.That(Beat(broker, leader, generation - 1), Is.EqualTo(ErrorCode.IllegalGeneration));
        Assert.That(Beat(broker, "stranger", generation), Is.EqualTo(ErrorCode.UnknownMemberId));
        Assert.That((await Sync(broker, leader, generation - 1)).Error, Is.EqualTo(ErrorCode.IllegalGeneration));
        Assert.That(Commit(broker, leader, generation - 1), Is.EqualTo(ErrorCode.IllegalGeneration));
        Assert.That(Commit(broker, "", -1), Is.EqualTo(ErrorCode.UnknownMemberId), "a commit from outside while the group lives");
        Assert.That(Commit(broker, leader, generation), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.Committed(), Is.EqualTo((7L, ErrorCode.None)));
    }

    [Test]
    public async Task Transactional_offsets_come_only_from_members_of_this_generation()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Transactions.AddGroup(new Key25AddOffsetsToTxn.Request("tx", pid, epoch, "g"), 0);
        Assert.That(broker.StageOffset(pid, epoch, 9, generation: generation - 1, member: leader), Is.EqualTo(ErrorCode.IllegalGeneration));
        Assert.That(broker.StageOffset(pid, epoch, 9, generation: generation, member: "stranger"), Is.EqualTo(ErrorCode.UnknownMemberId));
        Assert.That(broker.Committed(stable: true).Error, Is.EqualTo(ErrorCode.None), "a refused offset is not staged");
        Assert.That(broker.StageOffset(pid, epoch, 9, generation: generation, member: leader), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.Committed(stable: true).Error, Is.EqualTo(ErrorCode.UnstableOffsetCommit));
    }

    [Test]
    public async Task A_static_member_takes_its_place_back_without_a_rebalance_and_fences_its_ghost()
    {
        await using var broker = new TestCoordinators();
        Key11JoinGroup.Response first = await broker.Groups.JoinAsync(Request("", "one"), 5, "c", "h");
        await Sync(broker, first.Member, first.Generation, (first.Member, [4]));
        Key11JoinGroup.Response back = await broker.Groups.JoinAsync(Request("", "one"), 5, "c", "h");
        Assert.That((back.Error, back.Generation), Is.EqualTo((ErrorCode.None, first.Generation)));
        Assert.That(back.Member, Is.Not.EqualTo(first.Member));
        Assert.That((await Sync(broker, back.Member, back.Generation)).Assignment, Is.EqualTo(new byte[] { 4 }));
        Assert.That(broker.Groups.Heartbeat(new Key12Heartbeat.Request("g", first.Generation, first.Member, "one")), Is.EqualTo(ErrorCode.FencedInstanceId));
    }

    [Test]
    public async Task Leaving_starts_a_rebalance_and_the_last_one_empties_the_group()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        Assert.That(Leave(broker, follower), Is.EqualTo(ErrorCode.None));
        Assert.That(Beat(broker, leader, generation), Is.EqualTo(ErrorCode.RebalanceInProgress));
        Assert.That(Leave(broker, leader), Is.EqualTo(ErrorCode.None));
        Assert.That(Leave(broker, leader), Is.EqualTo(ErrorCode.UnknownMemberId));
        Assert.That(Commit(broker, "", -1), Is.EqualTo(ErrorCode.None), "an empty group takes commits from outside");
    }

    [Test]
    public async Task Protocols_without_anything_in_common_are_refused()
    {
        await using var broker = new TestCoordinators();
        await broker.Groups.JoinAsync(Request("", "one"), 5, "c", "h");
        Key11JoinGroup.Request other = Request("", "two") with { Protocols = [new Key11JoinGroup.Protocol("roundrobin", [])] };
        Assert.That((await broker.Groups.JoinAsync(other, 5, "c", "h")).Error, Is.EqualTo(ErrorCode.InconsistentGroupProtocol));
    }

    [TestCase(999)]
    [TestCase(1_800_001)]
    public async Task A_session_outside_the_limits_is_refused(int sessionMs)
    {
        await using var broker = new TestCoordinators();
        Key11JoinGroup.Response answer = await broker.Groups.JoinAsync(Request("", "one") with { SessionTimeoutMs = sessionMs }, 5, "c", "h");
        Assert.That(answer.Error, Is.EqualTo(ErrorCode.InvalidSessionTimeout));
    }

    [Test]
    public async Task After_a_restart_offsets_are_there_and_generations_go_on_rising()
    {
        await using var broker = new TestCoordinators();
        (string leader, string follower, int generation) = await TwoMembers(broker);
        await Settle(broker, leader, follower, generation);
        Commit(broker, leader, generation);
        await broker.ReopenAsync();
        Assert.That(broker.Committed(), Is.EqualTo((7L, ErrorCode.None)));
        Assert.That(Beat(broker, leader, generation), Is.EqualTo(ErrorCode.UnknownMemberId), "members join again");
        Key11JoinGroup.Response joined = await broker.Groups.JoinAsync(Request("", "one"), 5, "c", "h");
        Assert.That(joined.Generation, Is.GreaterThan(generation));
    }

    [Test]
    public async Task Offsets_of_a_group_long_empty_expire()
    {
        await using var broker = new TestCoordinators();
        Commit(broker, "", -1);
        broker.Time.Advance(TimeSpan.FromDays(6));
        broker.Groups.ExpireOffsets();
        Assert.That(broker.Committed().Offset, Is.EqualTo(7));
        broker.Time.Advance(TimeSpan.FromDays(2));
        broker.Groups.ExpireOffsets();
        Assert.That(broker.Committed().Offset, Is.EqualTo(-1));
    }

    private static Key11JoinGroup.Request Request(string member, string? instance, string group = "g") =>
        new(group, SessionMs, RebalanceMs, member, instance, "consumer", [new Key11JoinGroup.Protocol("range", [9])]);

    private static Task<Key11JoinGroup.Response> Join(TestCoordinators broker, string member = "") =>
        broker.Groups.JoinAsync(Request(member, null), 5, "client", "/127.0.0.1");

    private static async Task<(string Leader, string Follower, int Generation)> TwoMembers(TestCoordinators broker)
    {
        string first = (await Join(broker)).Member, second = (await Join(broker)).Member;
        Task<Key11JoinGroup.Response> one = Join(broker, first);
        Assert.That(one.IsCompleted, Is.False, "the second member has its id already and is waited for");
        Key11JoinGroup.Response two = await Join(broker, second);
        Assert.That((await one).Members.Select(m => m.Id), Is.EquivalentTo(new[] { first, second }), "the leader sees all");
        Assert.That(two.Members, Is.Empty);
        return (first, second, two.Generation);
    }

    private static async Task Settle(TestCoordinators broker, string leader, string follower, int generation)
    {
        Task<Key14SyncGroup.Response> waiting = Sync(broker, follower, generation);
        await Sync(broker, leader, generation, (leader, [1]), (follower, [2]));
        await waiting;
    }

    private static Task<Key14SyncGroup.Response> Sync(TestCoordinators broker, string member, int generation, params (string Member, byte[] Assignment)[] assignments) =>
        broker.Groups.SyncAsync(new Key14SyncGroup.Request("g", generation, member, null, assignments.ToDictionary(a => a.Member, a => a.Assignment)));

    private static ErrorCode Beat(TestCoordinators broker, string member, int generation) =>
        broker.Groups.Heartbeat(new Key12Heartbeat.Request("g", generation, member, null));

    private static ErrorCode Leave(TestCoordinators broker, string member) =>
        broker.Groups.Leave(new Key13LeaveGroup.Request("g", [new Key13LeaveGroup.Leaver(member, null)]))[0].Error;

    private static ErrorCode Commit(TestCoordinators broker, string member, int generation) =>
        broker.Groups.Commit(new Key08OffsetCommit.Request("g", generation, member, null, [new TopicOffsets("t", [new OffsetToCommit(0, 7, -1, "m")])]))[0].Partitions[0].Error;
}
