using Tally.LocalBroker.Coordinators;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Looking at groups from outside, and removing them or their offsets.</summary>
internal sealed class GroupAdminHandlers(BrokerState state)
{
    public WireWriter Describe(RequestContext context)
    {
        WireReader reader = context.Reader();
        string[] names = Key15DescribeGroups.Read(ref reader, context.Version);
        List<Key15DescribeGroups.GroupInfo> infos = state.Groups.Read(groups => names.Select(n => Describe(n, groups.GetValueOrDefault(n))).ToList());
        WireWriter response = context.StartResponse();
        Key15DescribeGroups.Write(response, context.Version, infos);
        return response;
    }

    public WireWriter List(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key16ListGroups.Request request = Key16ListGroups.Read(ref reader, context.Version);
        bool Wanted(string[] filter, string value) => filter.Length == 0 || filter.Contains(value, StringComparer.OrdinalIgnoreCase);
        List<(string, string, string)> all = state.Groups.Read(groups => groups.Values
            .Where(g => Wanted(request.States, g.State.ToString()) && Wanted(request.Types, Key16ListGroups.Classic))
            .Select(g => (g.Id, g.ProtocolType ?? "", g.State.ToString())).ToList());
        WireWriter response = context.StartResponse();
        Key16ListGroups.Write(response, context.Version, all);
        return response;
    }

    public WireWriter Delete(RequestContext context)
    {
        WireReader reader = context.Reader();
        List<(string, ErrorCode)> results = [.. Key42DeleteGroups.Read(ref reader).Select(name => (name, state.Groups.DeleteGroup(name)))];
        WireWriter response = context.StartResponse();
        Key42DeleteGroups.Write(response, results);
        return response;
    }

    public WireWriter DeleteOffsets(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key47OffsetDelete.Request request = Key47OffsetDelete.Read(ref reader);
        // What a member subscribes to stands in its metadata, which is the clients' own affair; a living group is taken to subscribe to everything.
        (bool known, bool living) = state.Groups.Read(groups => groups.TryGetValue(request.Group, out Group? g) ? (true, g.State != GroupState.Empty) : (false, false));
        ErrorCode Answer(string topic, int partition) =>
            state.Topics.Find(topic, partition) is null ? ErrorCode.UnknownTopicOrPartition : living ? ErrorCode.GroupSubscribedToTopic : ErrorCode.None;
        if (known && !living)
            state.Groups.DeleteOffsets(request.Group, [.. request.Topics.SelectMany(t => t.Partitions.Select(p => new TopicPartition(t.Name, p)))]);
        WireWriter response = context.StartResponse();
        Key47OffsetDelete.Write(
            response, known ? ErrorCode.None : ErrorCode.GroupIdNotFound,
            known ? [.. request.Topics.Select(t => new TopicErrors(t.Name, [.. t.Partitions.Select(p => (p, Answer(t.Name, p)))]))] : []);
        return response;
    }

    private static Key15DescribeGroups.GroupInfo Describe(string name, Group? group)
    {
        if (group is null)
            return new Key15DescribeGroups.GroupInfo(ErrorCode.None, name, nameof(GroupState.Dead), "", "", []);
        bool settled = group.State == GroupState.Stable;
        return new Key15DescribeGroups.GroupInfo(
            ErrorCode.None, name, group.State.ToString(), group.ProtocolType ?? "", settled ? group.Protocol ?? "" : "",
            [.. group.Members.Select(m => new Key15DescribeGroups.MemberInfo(
                m.Id, m.Instance, m.ClientId, m.ClientHost, settled ? m.MetadataFor(group.Protocol ?? "") : [], settled ? m.Assignment : []))]);
    }
}
