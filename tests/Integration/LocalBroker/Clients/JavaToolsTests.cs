using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

public sealed class JavaToolsTests : BrokerFixture
{
    private const string Consume = "BOOTSTRAP --topic shared --group-id java --reset-policy earliest --max-messages ";
    private static readonly string[] Codecs = ["none", "gzip", "snappy", "lz4", "zstd"];

    [Test]
    public async Task Kafkas_own_tools_work_unchanged()
    {
        await using var tools = new JavaTools(Broker.BootstrapServers);
        await Topics(tools);
        await Records(tools);
        await Offsets(tools);
        await Transactions(tools);
        await Broker.CreateTopicAsync("goes");
        await tools.RunAsync("TopicCommand", "BOOTSTRAP --delete --topic goes");
        Assert.That(await tools.RunAsync("TopicCommand", "BOOTSTRAP --list"), Does.Not.Contain("goes"));
        Assert.That(await tools.RunAsync("BrokerApiVersionsCommand", "BOOTSTRAP"), Does.Contain("Produce(0): 0 to 8"));
        Assert.That(await tools.RunAsync("ClusterTool", "cluster-id BOOTSTRAP"), Does.Contain("Cluster ID: "));
    }

    [TestCase("RangeAssignor")]
    [TestCase("CooperativeStickyAssignor")]
    public async Task Two_Java_consumers_share_a_topic_and_one_takes_over_from_the_other(string strategy)
    {
        await using var one = new JavaTools(Broker.BootstrapServers);
        await using var two = new JavaTools(Broker.BootstrapServers);
        await Broker.CreateTopicAsync("shared", 4);
        string assignor = $" --assignment-strategy org.apache.kafka.clients.consumer.{strategy}";
        Task<string> first = one.RunAsync("VerifiableConsumer", Consume + 300 + assignor);
        Task<string> second = two.RunAsync("VerifiableConsumer", Consume + 1000 + assignor);
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();
        await MembersAsync(admin, 2);
        using IProducer<string, string> producer = Producer();
        void Write(int count)
        {
            for (int i = 0; i < count; i++)
                producer.Produce(new TopicPartition("shared", i % 4), new Message<string, string> { Key = "", Value = $"{i}" });
        }

        // 300 for each of them: the first has read enough and leaves.
        Write(600);
        Assert.That(await first, Does.Contain("partitions_assigned").And.Contain("partitions_revoked").And.Contain("shutdown_complete"));
        await MembersAsync(admin, 1);
        Write(900);
        string[] assigned = [.. (await second).Split('\n').Where(l => l.Contains("\"partitions_assigned\"", StringComparison.Ordinal))];
        TestContext.Out.WriteLine(string.Join('\n', assigned));
        // Cooperatively only what is new is told, otherwise everything.
        Assert.That(Enumerable.Range(0, 4).All(p => assigned.Any(l => l.Contains($"\"partition\":{p}", StringComparison.Ordinal))));
        Assert.That(assigned, Has.Length.GreaterThan(1));
        Assert.That(await Committed(two), Is.EqualTo(1300), "each record by one of them");

        string again = await two.RunAsync("VerifiableConsumer", Consume + "100 --group-instance-id fixed" + assignor);
        string restarted = await two.RunAsync("VerifiableConsumer", Consume + "100 --group-instance-id fixed" + assignor);
        Assert.That(new[] { again, restarted }, Is.All.Contains("shutdown_complete"));
        Assert.That(await Committed(two), Is.EqualTo(1500));
    }

    private static Task MembersAsync(IAdminClient admin, int count) => Eventually.HoldsAsync($"a group of {count}", 2 * Eventually.Patience, () =>
    {
        GroupInfo? group = admin.ListGroup("java", Eventually.Patience);
        // Cooperatively a member may have nothing yet in a stable group: the others give up theirs first, and then it is balanced again.
        return Task.FromResult(group?.State == "Stable" && group.Members.Count == count && group.Members.All(m => Topics(m.MemberAssignment) > 0));
    });

    /// <summary>An assignment begins with its version, two bytes, and the number of its topics, four (Kafka's ConsumerProtocolAssignment).</summary>
    private static int Topics(byte[] assignment) => assignment.Length < 6 ? 0 : System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(assignment.AsSpan(2));

    private static async Task<int> Committed(JavaTools tools) =>
        System.Text.RegularExpressions.Regex.Matches(await tools.RunAsync("consumer.group.ConsumerGroupCommand", "BOOTSTRAP --describe --group java"), @"java +shared +\d +(\d+) ")
            .Sum(m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));

    private static async Task Topics(JavaTools tools)
    {
        await tools.RunAsync("TopicCommand", "BOOTSTRAP --create --topic j --partitions 2 --replication-factor 1 --config retention.ms=1000000");
        await tools.RunAsync("TopicCommand", "BOOTSTRAP --alter --topic j --partitions 3");
        Assert.That(await tools.RunAsync("TopicCommand", "BOOTSTRAP --describe --topic j"), Does.Contain("PartitionCount: 3").And.Contain("retention.ms=1000000"));
        await tools.RunAsync("kafka.admin.ConfigCommand", "BOOTSTRAP --alter --topic j --add-config retention.ms=2000000");
        Assert.That(await tools.RunAsync("kafka.admin.ConfigCommand", "BOOTSTRAP --describe --topic j"), Does.Contain("retention.ms=2000000"));
        await tools.RunAsync("kafka.admin.ConfigCommand", "BOOTSTRAP --alter --topic j --delete-config retention.ms");
        Assert.That(await tools.RunAsync("kafka.admin.ConfigCommand", "BOOTSTRAP --describe --entity-type brokers --entity-name 1 --all"), Does.Contain("num.partitions=1"));
    }

    private static async Task Records(JavaTools tools)
    {
        foreach (string codec in Codecs)
        {
            string output = await tools.RunAsync(
                "ProducerPerformance", $"BOOTSTRAP --topic j --num-records 400 --record-size 100 --throughput -1 --command-property compression.type={codec}");
            Assert.That(output, Does.Contain("400 records sent"));
        }

        await tools.RunAsync("ConsoleProducer", "BOOTSTRAP --topic j", "one|two|three|");
        string read = await tools.RunAsync("consumer.ConsoleConsumer", "BOOTSTRAP --topic j --from-beginning --max-messages 2003 --timeout-ms 20000");
        Assert.That(read.Split('\n').Where(l => l is "one" or "two" or "three"), Is.EquivalentTo(new[] { "one", "two", "three" }));
        Assert.That(read, Does.Contain("Processed a total of 2003 messages"));
        Assert.That(await tools.RunAsync("ConsumerPerformance", "BOOTSTRAP --topic j --num-records 2003 --group perf --timeout 20000"), Does.Contain(", 2003, "));
        await tools.RunAsync("VerifiableProducer", "BOOTSTRAP --topic j --max-messages 100 --throughput 1000 --acks -1");
        foreach (string strategy in new[] { "RangeAssignor", "CooperativeStickyAssignor" })
        {
            string verified = await tools.RunAsync("VerifiableConsumer",
                $"BOOTSTRAP --topic j --max-messages 2103 --group-id {strategy} --reset-policy earliest --assignment-strategy org.apache.kafka.clients.consumer.{strategy}");
            Assert.That(verified, Does.Contain("partitions_assigned").And.Contain("\"success\":true").And.Contain("shutdown_complete"));
        }
    }

    private static async Task Offsets(JavaTools tools)
    {
        async Task<long> Sum(string time) => (await tools.RunAsync("GetOffsetShell", $"BOOTSTRAP --topic j --time {time}"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(l => long.Parse(l.Split(':')[2], System.Globalization.CultureInfo.InvariantCulture));
        Assert.That(await Sum("-1"), Is.EqualTo(2103));
        Assert.That(await Sum("-2"), Is.Zero);
        Assert.That(await Sum("-3"), Is.InRange(1, 2100), "the records with the largest timestamps");
        Assert.That(await Sum("1"), Is.Zero);
        const string group = "consumer.group.ConsumerGroupCommand";
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --list --state"), Does.Match(@"perf +Empty"));
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --describe --group perf --state"), Does.Contain("Empty"));
        await tools.RunAsync(group, "BOOTSTRAP --reset-offsets --group perf --topic j --to-earliest --execute");
        await tools.RunAsync(group, "BOOTSTRAP --reset-offsets --group perf --topic j:0 --shift-by 10 --execute");
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --describe --group perf"), Does.Match(@"perf +j +0 +10 ").And.Match(@"perf +j +1 +0 "));
        await tools.RunAsync(group, "BOOTSTRAP --reset-offsets --group perf --topic j --to-datetime 2020-01-01T00:00:00.000 --execute");
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --describe --group perf"), Does.Match(@"perf +j +0 +0 "));
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --delete-offsets --group perf --topic j"), Does.Contain("Successful"));
        Assert.That(await tools.RunAsync(group, "BOOTSTRAP --delete --group perf"), Does.Contain("successful"));
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, """{"partitions":[{"topic":"j","partition":0,"offset":5}],"version":1}""");
        Assert.That(await tools.RunAsync("DeleteRecordsCommand", $"BOOTSTRAP --offset-json-file {file}"), Does.Contain("low_watermark: 5"));
        File.Delete(file);
        Assert.That(await Sum("-2"), Is.EqualTo(5));
    }

    private static async Task Transactions(JavaTools tools)
    {
        await tools.RunAsync(
            "ProducerPerformance", "BOOTSTRAP --topic j --num-records 400 --record-size 100 --throughput -1 --transactional-id perf-1 --transaction-duration-ms 20");
        string read = await tools.RunAsync(
            "consumer.ConsoleConsumer", "BOOTSTRAP --topic j --from-beginning --isolation-level read_committed --max-messages 2498 --timeout-ms 20000");
        Assert.That(read, Does.Contain("Processed a total of 2498 messages"));
        Assert.That(await tools.RunAsync("TransactionsCommand", "BOOTSTRAP list"), Does.Match("perf-1.*CompleteCommit"));
        Assert.That(await tools.RunAsync("TransactionsCommand", "BOOTSTRAP describe --transactional-id perf-1"), Does.Match("perf-1.*CompleteCommit.*60000"));
        Assert.That(await tools.RunAsync("TransactionsCommand", "BOOTSTRAP describe-producers --topic j --partition 0"), Does.Contain("ProducerId"));
        Assert.That(await tools.RunAsync("TransactionsCommand", "BOOTSTRAP find-hanging --broker-id 1"), Does.Contain("TransactionalId").Or.Contain("ProducerId"));
    }
}
