namespace Tally.Tests.Integration.LocalBroker.Clients;

public sealed class JavaToolsTests : BrokerFixture
{
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
