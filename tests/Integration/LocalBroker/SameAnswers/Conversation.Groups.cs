using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Answer to JoinGroup.</summary>
internal sealed record Joined(int Error, int Generation, string Protocol, string Leader, string Member, int Members);

/// <summary>Groups, their offsets, and looking at them.</summary>
internal sealed partial class Conversation
{
    public async Task<Joined> JoinAsync(
        string group, string member = "", string protocols = "range", string type = "consumer", string? instance = null, int sessionMs = 10_000,
        int rebalanceMs = 10_000, string metadata = "m", int version = 5) => await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(11, version, r =>
            {
                r.Text(group).Int32(sessionMs);
                if (version >= 1)
                    r.Int32(rebalanceMs);
                r.Text(member);
                if (version >= 5)
                    r.Text(instance);
                r.Text(type).Array(protocols.Split(',', StringSplitOptions.RemoveEmptyEntries), p => r.Text(p).Bytes(System.Text.Encoding.ASCII.GetBytes(metadata)));
            });
            if (version >= 2)
                answer!.Int32();
            short error = answer!.Int16();
            int generation = answer.Int32();
            string protocol = answer.Text() ?? "null", leader = answer.Text() ?? "null", id = answer.Text() ?? "null";
            int members = answer.Array(() => (answer.Text(), version >= 5 ? answer.Text() : null, answer.Bytes())).Count;
            answer.End();
            return new Joined(error, generation, protocol, leader, id, members);
        },
        j => j.Error);

    /// <summary>Joins as a new dynamic member does since KIP-394: asks for an id, then comes back with it.</summary>
    public async Task<Joined> JoinNewAsync(string group, string protocols = "range", int sessionMs = 10_000, int rebalanceMs = 10_000)
    {
        Joined first = await JoinAsync(group, protocols: protocols, sessionMs: sessionMs, rebalanceMs: rebalanceMs);
        return first.Error == 79 ? await JoinAsync(group, first.Member, protocols, sessionMs: sessionMs, rebalanceMs: rebalanceMs) : first;
    }

    public string Show(Joined joined) =>
        $"error {joined.Error} generation {joined.Generation} protocol '{joined.Protocol}' leader {Name("member", joined.Leader)} member {Name("member", joined.Member)} members {joined.Members}";

    public async Task<string> SyncAsync(string group, int generation, string member, string? assignTo = null, string? instance = null) => (await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(14, 3, r => r.Text(group).Int32(generation).Text(member).Text(instance)
                .Array(assignTo is null ? Array.Empty<string>() : [assignTo], m => r.Text(m).Bytes([1, 2, 3])));
            answer!.Int32();
            (int Error, string Text) result = (answer.Int16(), "");
            result.Text = $"error {result.Error} assignment {Convert.ToHexString(answer.Bytes())}";
            answer.End();
            return result;
        },
        s => s.Error)).Text;

    public async Task<int> HeartbeatAsync(string group, int generation, string member, string? instance = null)
    {
        WireAnswer? answer = await AskAsync(12, 3, r => r.Text(group).Int32(generation).Text(member).Text(instance));
        answer!.Int32();
        int error = answer.Int16();
        answer.End();
        return error;
    }

    public async Task<string> LeaveAsync(string group, string member, string? instance = null)
    {
        WireAnswer? answer = await AskAsync(13, 3, r => r.Text(group).Array([member], m => r.Text(m).Text(instance)));
        answer!.Int32();
        string text = $"error {answer.Int16()} members " + List(answer.Array(() => (Name("member", answer.Text()), answer.Text(), answer.Int16())));
        answer.End();
        return text;
    }

    public async Task<string> CommitAsync(
        string group, string topic, long offset, int generation = -1, string member = "", string? instance = null, string? metadata = "noted", int partition = 0)
    {
        (string text, _) = await PatientlyAsync(
            async () =>
            {
                WireAnswer? answer = await AskAsync(8, 7, r => r.Text(group).Int32(generation).Text(member).Text(instance)
                    .Array([topic], t => r.Text(t).Array([partition], p => r.Int32(p).Int64(offset).Int32(0).Text(metadata))));
                return ReadPartitionErrors(answer!);
            },
            a => a.First);
        return text;
    }

    /// <summary>With no topic named: everything the group has.</summary>
    public async Task<string> CommittedAsync(string group, string? topic, bool requireStable = false, int version = 7) => (await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(9, version, r =>
            {
                r.Text(group).Structs(topic is null ? null : new[] { topic }, t => r.Text(t).Array([0], p => r.Int32(p)));
                if (version >= 7)
                    r.Bool(requireStable);
            });
            answer!.Int32();
            List<string> topics = answer.Structs(() => answer.Text() + ":" + List(answer.Structs(() =>
            {
                answer.Int32();
                (long offset, int epoch, string metadata) = (answer.Int64(), answer.Int32(), answer.Text() ?? "null");
                return $"offset {offset} epoch {epoch} '{metadata}' error {answer.Int16()}";
            })));
            (int Error, string Text) result = (answer.Int16(), "");
            answer.End();
            result.Text = $"error {result.Error} {List(topics)}";
            return result;
        },
        c => c.Error)).Text;

    public async Task<string> DescribeGroupAsync(string group) => (await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(15, 4, r => r.Array([group], g => r.Text(g)).Bool(false));
            answer!.Int32();
            (int Error, string Text) result = answer.Array(() =>
            {
                short error = answer.Int16();
                answer.Text();
                string text = $"error {error} state {answer.Text()} type '{answer.Text()}' protocol '{answer.Text()}' members "
                    + List(answer.Array(() => $"{Name("member", answer.Text())}/{answer.Text()}/{answer.Text()}/{answer.Text()}/{Convert.ToHexString(answer.Bytes())}/{Convert.ToHexString(answer.Bytes())}"));
                return ((int)error, $"{text} operations {answer.Int32()}");
            })[0];
            answer.End();
            return result;
        },
        d => d.Error)).Text;

    /// <summary>Those of the listed groups whose names begin so.</summary>
    public async Task<string> ListGroupsAsync(string prefix, int version, string[]? states = null, string[]? types = null)
    {
        WireAnswer? answer = await AskAsync(16, version, r =>
        {
            if (version >= 4)
                r.Array(states ?? [], s => r.Text(s));
            if (version >= 5)
                r.Array(types ?? [], t => r.Text(t));
        });
        if (version >= 1)
            answer!.Int32();
        int error = answer!.Int16();
        List<string> groups = answer.Structs(() =>
            $"{answer.Text()} '{answer.Text()}' {(version >= 4 ? answer.Text() : "")} {(version >= 5 ? answer.Text()!.ToUpperInvariant() : "")}");
        answer.End();
        return $"error {error} {List(groups.Where(g => g.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))}";
    }

    public async Task<int> DeleteGroupAsync(string group) => await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(42, 1, r => r.Array([group], g => r.Text(g)));
            answer!.Int32();
            int error = answer.Array(() => (answer.Text(), answer.Int16()))[0].Item2;
            answer.End();
            return error;
        },
        e => e);

    public async Task<string> DeleteOffsetsAsync(string group, string topic)
    {
        WireAnswer? answer = await AskAsync(47, 0, r => r.Text(group).Array([topic], t => r.Text(t).Array([0], p => r.Int32(p))));
        int error = answer!.Int16();
        (string text, _) = ReadPartitionErrors(answer);
        return $"error {error} {text}";
    }

    public async Task<int> FindCoordinatorAsync(string key, int type) => await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(10, 2, r => r.Text(key).Int8(type));
            answer!.Int32();
            int error = answer.Int16();
            answer.Text();
            answer.Int32();
            answer.Text();
            answer.Int32();
            answer.End();
            return error;
        },
        e => e);
}
