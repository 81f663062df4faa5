using System.Collections.Concurrent;
using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>Cooperative groups of several members: partitions move one by one, those who stay keep theirs, and nobody reads what another holds.</summary>
public sealed class CooperativeGroupTests : BrokerFixture
{
    private const int Partitions = 12;
    private const string Topic = "events";
    private readonly ConcurrentDictionary<int, string> _owners = [];
    private readonly ConcurrentDictionary<string, int> _reads = [];
    private readonly ConcurrentQueue<string> _faults = [];

    [Test]
    public async Task Members_that_come_and_go_read_every_record_once_and_never_hold_a_partition_together()
    {
        const int seed = 20261121;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await Broker.CreateTopicAsync(Topic, Partitions);
        using var writing = new CancellationTokenSource();
        Task<int> written = Task.Run(() => WriteUntilAsync(writing.Token));
        var members = new List<CooperativeMember> { Join("m0"), Join("m1") };
        await SharedAsync(members);
        for (int step = 2; step < 10; step++)
        {
            bool comes = members.Count < 2 || (members.Count < 5 && random.Next(2) == 0);
            Dictionary<string, int[]> before = members.ToDictionary(m => m.Name, m => m.Held);
            if (comes)
            {
                members.Add(Join($"m{step}"));
            }
            else
            {
                CooperativeMember leaver = members[random.Next(members.Count)];
                members.Remove(leaver);
                await leaver.LeaveAsync();
            }

            await SharedAsync(members);
            foreach (CooperativeMember stayer in members.Where(m => before.ContainsKey(m.Name)))
                Assert.That(stayer.Held.Intersect(before[stayer.Name]), Is.Not.Empty, $"{stayer.Name} keeps some of what it had");
        }

        await writing.CancelAsync();
        int count = await written;
        await Eventually.HoldsAsync($"{count} records read", () => Task.FromResult(_reads.Count == count));
        foreach (CooperativeMember member in members)
            await member.LeaveAsync();
        Assert.That(_faults, Is.Empty);
        Assert.That(_reads.Where(r => r.Value != 1), Is.Empty, "read more than once");
        TestContext.Out.WriteLine($"{count} records");
    }

    [Test]
    public async Task A_static_member_that_restarts_moves_nothing_and_one_that_stays_away_gives_way()
    {
        await Broker.CreateTopicAsync(Topic, Partitions);
        CooperativeMember[] members = [Join("a", isStatic: true), Join("b", isStatic: true), Join("c", isStatic: true)];
        await SharedAsync(members);
        Dictionary<string, int[]> before = members.ToDictionary(m => m.Name, m => m.Held);
        int[] changes = [.. members.Select(m => m.Changes)];
        for (int i = 0; i < 2; i++)
        {
            string name = members[i].Name;
            await members[i].LeaveAsync();
            members[i] = Join(name, isStatic: true);
            await Eventually.HoldsAsync($"{name} has its partitions again", () => Task.FromResult(members[i].Held.SequenceEqual(before[name])));
            for (int other = 0; other < members.Length; other++)
            {
                if (other > i)
                    Assert.That(members[other].Changes, Is.EqualTo(changes[other]), $"{members[other].Name} was not troubled");
            }
        }

        await members[2].LeaveAsync();
        // Until its session is over its partitions are kept for it; then the others take them.
        await SharedAsync(members[..2]);
        await members[0].LeaveAsync();
        await members[1].LeaveAsync();
        Assert.That(_faults, Is.Empty);
    }

    private CooperativeMember Join(string name, bool isStatic = false) =>
        new(name, isStatic ? 3000 : 6000, isStatic, Broker.BootstrapServers, Topic, _owners, _faults, value => _reads.AddOrUpdate(value, 1, (_, n) => n + 1));

    private async Task<int> WriteUntilAsync(CancellationToken end)
    {
        using IProducer<string, string> producer = Producer();
        int count = 0;
        while (!end.IsCancellationRequested)
        {
            for (int i = 0; i < Partitions; i++, count++)
                producer.Produce(new TopicPartition(Topic, i), new Message<string, string> { Key = "", Value = $"{count}" });
            await Task.Delay(5, CancellationToken.None);
        }

        producer.Flush(Eventually.Patience);
        return count;
    }

    private Task SharedAsync(IReadOnlyCollection<CooperativeMember> members) => Eventually.HoldsAsync(
        $"all partitions held by {string.Join(", ", members.Select(m => m.Name))}",
        Eventually.Patience,
        () => Task.FromResult(
            members.Sum(m => m.Held.Length) == Partitions
            && members.All(m => m.Held.Length >= Partitions / members.Count)
            && _owners.Count == Partitions));
}
