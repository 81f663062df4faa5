namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Groups as their members and their admins see them.</summary>
internal static class GroupScenarios
{
    public static async Task Membership(Conversation c)
    {
        const string group = "membership";
        c.Note("described before it is", await c.DescribeGroupAsync(group));
        c.Note("heartbeat to nobody", await c.HeartbeatAsync(group, 1, "nobody"));
        c.Note("sync with nobody", await c.SyncAsync(group, 1, "nobody"));
        c.Note("leave nobody", await c.LeaveAsync(group, "nobody"));
        c.Note("join as an unknown member", c.Show(await c.JoinAsync(group, "nobody")));
        Joined asked = await c.JoinAsync(group);
        c.Note("first must ask for an id", c.Show(asked));
        c.Note("pending member heartbeats", await c.HeartbeatAsync(group, 1, asked.Member));
        c.Note("described with a pending member", await c.DescribeGroupAsync(group));
        Joined first = await c.JoinAsync(group, asked.Member);
        c.Note("first joins", c.Show(first));
        c.Note("described before the assignment", await c.DescribeGroupAsync(group));
        c.Note("heartbeat before the assignment", await c.HeartbeatAsync(group, first.Generation, first.Member));
        c.Note("sync of a stale generation", await c.SyncAsync(group, first.Generation - 1, first.Member));
        c.Note("sync of an unknown member", await c.SyncAsync(group, first.Generation, "nobody"));
        c.Note("sync", await c.SyncAsync(group, first.Generation, first.Member, assignTo: first.Member));
        c.Note("sync again", await c.SyncAsync(group, first.Generation, first.Member));
        c.Note("heartbeat", await c.HeartbeatAsync(group, first.Generation, first.Member));
        c.Note("heartbeat of a stale generation", await c.HeartbeatAsync(group, first.Generation - 1, first.Member));
        c.Note("heartbeat of a future generation", await c.HeartbeatAsync(group, first.Generation + 1, first.Member));
        c.Note("heartbeat of an unknown member", await c.HeartbeatAsync(group, first.Generation, "nobody"));
        c.Note("heartbeat with an instance of nobody", await c.HeartbeatAsync(group, first.Generation, first.Member, "nobody"));
        c.Note("described", await c.DescribeGroupAsync(group));
        for (int version = 0; version <= 5; version++)
            c.Note($"listed, version {version}", await c.ListGroupsAsync(group, version));
        c.Note("listed by its state", await c.ListGroupsAsync(group, 4, ["stable", "Dead"]));
        c.Note("not listed by another state", await c.ListGroupsAsync(group, 4, ["Empty"]));
        c.Note("listed by its type", await c.ListGroupsAsync(group, 5, types: ["classic"]));
        c.Note("not listed by another type", await c.ListGroupsAsync(group, 5, types: ["consumer"]));
        c.Note("delete with a member", await c.DeleteGroupAsync(group));
        c.Note("leave as somebody else", await c.LeaveAsync(group, "nobody"));
        c.Note("leave", await c.LeaveAsync(group, first.Member));
        c.Note("leave again", await c.LeaveAsync(group, first.Member));
        c.Note("heartbeat after leaving", await c.HeartbeatAsync(group, first.Generation, first.Member));
        c.Note("described when empty", await c.DescribeGroupAsync(group));
        Joined later = await c.JoinNewAsync(group);
        c.Note("generation after an empty group", (later.Error, later.Generation - first.Generation));
        await c.LeaveAsync(group, later.Member);
        c.Note("delete when empty", await c.DeleteGroupAsync(group));
        c.Note("delete again", await c.DeleteGroupAsync(group));
        c.Note("delete nothing", await c.DeleteGroupAsync(""));
    }

    public static async Task Rebalance(Conversation c)
    {
        const string group = "rebalance";
        Joined first = await c.JoinNewAsync(group, "range,cooperative-sticky");
        await c.SyncAsync(group, first.Generation, first.Member, assignTo: first.Member);
        Conversation other = await c.BesideAsync();
        Task<Joined> joining = other.JoinNewAsync(group, "cooperative-sticky,range");
        for (int i = 0; i < 100 && await c.HeartbeatAsync(group, first.Generation, first.Member) == 0; i++)
            await Task.Delay(20);
        c.Note("heartbeat while another joins", await c.HeartbeatAsync(group, first.Generation, first.Member));
        c.Note("sync while another joins", await c.SyncAsync(group, first.Generation, first.Member));
        c.Note("commit while another joins", await c.CommitAsync(group, await c.CreateTopicAsync("rebalance"), 1, first.Generation, first.Member));
        Joined again = await c.JoinAsync(group, first.Member, "range,cooperative-sticky"), second = await joining;
        c.Note("leader's answer", c.Show(again));
        c.Note("follower's answer", c.Show(second));
        c.Note("commit before the assignment", await c.CommitAsync(group, "rebalance", 2, again.Generation, first.Member));
        Task<string> following = other.SyncAsync(group, second.Generation, second.Member);
        c.Note("leader's sync", await c.SyncAsync(group, again.Generation, first.Member, assignTo: second.Member));
        c.Note("follower's sync", await following);
        c.Note("commit of a member", await c.CommitAsync(group, "rebalance", 3, again.Generation, first.Member));
        c.Note("commit of a stale generation", await c.CommitAsync(group, "rebalance", 4, first.Generation, first.Member));
        Joined unchanged = await other.JoinAsync(group, second.Member, "cooperative-sticky,range");
        c.Note("follower joins again unchanged", c.Show(unchanged));
        c.Note("incompatible protocol", c.Show(await other.JoinAsync(group, protocols: "roundrobin")));
        c.Note("incompatible type", c.Show(await other.JoinAsync(group, protocols: "range", type: "connect")));
        c.Note("no protocols", c.Show(await other.JoinAsync(group, protocols: "")));
        c.Note("no type", c.Show(await other.JoinAsync(group, type: "")));
        c.Note("follower leaves", await c.LeaveAsync(group, second.Member));
        c.Note("heartbeat after a leave", await c.HeartbeatAsync(group, again.Generation, first.Member));
    }

    public static async Task Limits(Conversation c)
    {
        c.Note("no group id", c.Show(await c.JoinAsync("")));
        c.Note("session too long", c.Show(await c.JoinAsync("limits", sessionMs: 10_000_000)));
        c.Note("session too short", c.Show(await c.JoinAsync("limits", sessionMs: 10)));
        c.Note("no protocols in a new group", c.Show(await c.JoinAsync("limits-2", protocols: "")));
        c.Note("no type in a new group", c.Show(await c.JoinAsync("limits-3", type: "")));
        Joined old = await c.JoinAsync("limits-4", version: 3);
        c.Note("version 3 needs no id", c.Show(old));
        c.Note("leave, version 3", await c.LeaveAsync("limits-4", old.Member));
        Joined brief = await c.JoinNewAsync("limits-5", sessionMs: 1000);
        await c.SyncAsync("limits-5", brief.Generation, brief.Member, brief.Member);
        for (int i = 0; i < 200 && (await c.DescribeGroupAsync("limits-5")).Contains("state Stable", StringComparison.Ordinal); i++)
            await Task.Delay(25);
        c.Note("after the session ended", await c.DescribeGroupAsync("limits-5"));
        c.Note("heartbeat after the session ended", await c.HeartbeatAsync("limits-5", brief.Generation, brief.Member));
        c.Note("coordinator of nothing", await c.FindCoordinatorAsync("", 0));
        c.Note("coordinator of no transactional id", await c.FindCoordinatorAsync("", 1));
        c.Note("coordinator of an unknown kind", await c.FindCoordinatorAsync("x", 9));
    }

    public static async Task StaticMembers(Conversation c)
    {
        const string group = "statics";
        Joined first = await c.JoinAsync(group, instance: "a");
        c.Note("joins at once", (first.Error, first.Generation, first.Members, first.Leader == first.Member));
        await c.SyncAsync(group, first.Generation, first.Member, first.Member, "a");
        Joined again = await c.JoinAsync(group, instance: "a");
        c.Note("comes back", (again.Error, again.Generation, again.Protocol, again.Members, again.Member != first.Member));
        c.Note("old id is fenced, heartbeat", await c.HeartbeatAsync(group, again.Generation, first.Member, "a"));
        c.Note("old id is fenced, sync", await c.SyncAsync(group, again.Generation, first.Member, instance: "a"));
        c.Note("old id is fenced, join", (await c.JoinAsync(group, first.Member, instance: "a")).Error);
        c.Note("old id without its instance", await c.HeartbeatAsync(group, again.Generation, first.Member));
        c.Note("old id is fenced, commit", await c.CommitAsync(group, await c.CreateTopicAsync("statics"), 1, again.Generation, first.Member, "a"));
        c.Note("new id, sync", await c.SyncAsync(group, again.Generation, again.Member, instance: "a"));
        c.Note("new id, heartbeat", await c.HeartbeatAsync(group, again.Generation, again.Member, "a"));
        c.Note("new id, commit", await c.CommitAsync(group, "statics", 2, again.Generation, again.Member, "a"));
        c.Note("unknown instance", await c.HeartbeatAsync(group, again.Generation, again.Member, "zz"));
        c.Note("old id leaves", (await c.LeaveAsync(group, first.Member, "a")).Split('(')[0]);
        c.Note("somebody else leaves", await c.LeaveAsync(group, "", "zz"));
        c.Note("leaves by its instance", await c.LeaveAsync(group, "", "a"));
        c.Note("then it is empty", await c.DescribeGroupAsync(group));
    }

    public static async Task Offsets(Conversation c)
    {
        string topic = await c.CreateTopicAsync("offsets", 2);
        const string group = "offsets";
        c.Note("nothing committed", await c.CommittedAsync(group, topic));
        c.Note("nothing at all", await c.CommittedAsync(group, null));
        c.Note("nothing, unknown topic", await c.CommittedAsync(group, "nobody-made-me"));
        c.Note("simple commit", await c.CommitAsync(group, topic, 5));
        c.Note("committed", await c.CommittedAsync(group, topic));
        c.Note("version 6", await c.CommittedAsync(group, topic, version: 6));
        c.Note("version 5", await c.CommittedAsync(group, topic, version: 5));
        c.Note("everything", await c.CommittedAsync(group, null));
        c.Note("null metadata", await c.CommitAsync(group, topic, 6, metadata: null));
        c.Note("null metadata comes back", await c.CommittedAsync(group, topic));
        c.Note("metadata at the limit", await c.CommitAsync(group, topic, 6, metadata: new string('m', 4096)));
        c.Note("metadata too large", await c.CommitAsync(group, topic, 6, metadata: new string('m', 4097)));
        c.Note("negative offset", await c.CommitAsync(group, topic, -1));
        c.Note("negative offset comes back", await c.CommittedAsync(group, topic));
        c.Note("unknown topic", await c.CommitAsync(group, "nobody-made-me", 1));
        c.Note("unknown partition", await c.CommitAsync(group, topic, 1, partition: 9));
        c.Note("no group id", await c.CommitAsync("", topic, 1));
        c.Note("fetch without a group id", await c.CommittedAsync("", topic));
        c.Note("member in an empty group", await c.CommitAsync(group, topic, 1, 3, "nobody"));
        c.Note("generation in an empty group", await c.CommitAsync(group, topic, 1, 3));
        c.Note("member without a generation", await c.CommitAsync(group, topic, 1, -1, "nobody"));
        c.Note("generation in an unknown group", await c.CommitAsync("offsets-2", topic, 1, 3, "nobody"));
        c.Note("member in an unknown group", await c.CommitAsync("offsets-3", topic, 1, -1, "nobody"));
        Joined member = await c.JoinNewAsync(group);
        await c.SyncAsync(group, member.Generation, member.Member, member.Member);
        c.Note("simple commit into a living group", await c.CommitAsync(group, topic, 1));
        c.Note("unknown member of a living group", await c.CommitAsync(group, topic, 1, member.Generation, "nobody"));
        c.Note("delete offsets of a living group", await c.DeleteOffsetsAsync(group, topic));
        await c.LeaveAsync(group, member.Member);
        c.Note("delete offsets", await c.DeleteOffsetsAsync(group, topic));
        c.Note("delete offsets, unknown topic", await c.DeleteOffsetsAsync(group, "nobody-made-me"));
        c.Note("delete offsets, unknown group", await c.DeleteOffsetsAsync("nobody", topic));
        c.Note("deleted offsets", await c.CommittedAsync(group, topic));
    }

    public static async Task OffsetsOfDeletedTopics(Conversation c)
    {
        string topic = await c.CreateTopicAsync("goes");
        await c.CommitAsync("goes", topic, 5);
        c.Note("delete the topic", await c.DeleteTopicAsync(topic));
        for (int i = 0; i < 200 && (await c.CommittedAsync("goes", topic)).Contains("offset 5", StringComparison.Ordinal); i++)
            await Task.Delay(25);
        c.Note("its offsets", await c.CommittedAsync("goes", topic));
        c.Note("its group", await c.DescribeGroupAsync("goes"));
        c.Note("delete its group", await c.DeleteGroupAsync("goes"));
    }
}
