namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Topics, configurations, versions.</summary>
internal static class TopicScenarios
{
    private const int Topic = 2;
    private const int Broker = 4;

    public static async Task Creating(Conversation c)
    {
        await c.CreateTopicAsync("there", 2);
        foreach (string name in new[] { "", ".", "..", "with space", "with/slash", "ümlaut", new string('n', 249), new string('n', 250) })
            c.Note($"name '{(name.Length > 20 ? $"{name.Length} letters" : name)}'", await c.TryCreateTopicAsync(name, validateOnly: true));
        c.Note("it exists", await c.TryCreateTopicAsync("there"));
        c.Note("it exists, validated only", await c.TryCreateTopicAsync("there", validateOnly: true));
        c.Note("no partitions", await c.TryCreateTopicAsync("new", 0));
        c.Note("partitions -2", await c.TryCreateTopicAsync("new", -2));
        c.Note("default partitions and replicas", await c.TryCreateTopicAsync("new-default", -1, -1));
        c.Note("three replicas", await c.TryCreateTopicAsync("new", 1, 3));
        c.Note("no replicas", await c.TryCreateTopicAsync("new", 1, 0));
        c.Note("validated only", await c.TryCreateTopicAsync("new", validateOnly: true));
        c.Note("was not made", await c.MetadataAsync("new"));
        c.Note("assigned by hand", await c.TryCreateTopicAsync("new-assigned", -1, -1, assignment: [0, 1]));
        c.Note("assigned with a gap", await c.TryCreateTopicAsync("new", -1, -1, assignment: [0, 2], validateOnly: true));
        c.Note("assigned and counted", await c.TryCreateTopicAsync("new", 2, 1, assignment: [0, 1], validateOnly: true));
        c.Note("unknown setting", await c.TryCreateTopicAsync("new", configs: [("no.such.setting", "1")], validateOnly: true));
        c.Note("setting of a wrong type", await c.TryCreateTopicAsync("new", configs: [("retention.ms", "soon")], validateOnly: true));
        c.Note("setting out of range", await c.TryCreateTopicAsync("new", configs: [("retention.ms", "-7")], validateOnly: true));
        c.Note("unknown policy", await c.TryCreateTopicAsync("new", configs: [("cleanup.policy", "sometimes")], validateOnly: true));
        c.Note("both policies", await c.TryCreateTopicAsync("new", configs: [("cleanup.policy", "compact,delete")], validateOnly: true));
        c.Note("setting null", await c.TryCreateTopicAsync("new", configs: [("retention.ms", null)], validateOnly: true));
        c.Note("names that clash", await c.TryCreateTopicAsync("the.re_x", validateOnly: true));
        c.Note("another codec", await c.TryCreateTopicAsync("new", configs: [("compression.type", "lz4")], validateOnly: true));
        c.Note("a codec that is none", await c.TryCreateTopicAsync("new", configs: [("compression.type", "rar")], validateOnly: true));
        c.Note("small segments", await c.TryCreateTopicAsync("new", configs: [("segment.bytes", "1000")], validateOnly: true));
    }

    public static async Task Changing(Conversation c)
    {
        string topic = await c.CreateTopicAsync("changes", 2);
        c.Note("fewer partitions", await c.CreatePartitionsAsync(topic, 1));
        c.Note("as many partitions", await c.CreatePartitionsAsync(topic, 2));
        c.Note("no partitions", await c.CreatePartitionsAsync(topic, 0));
        c.Note("negative partitions", await c.CreatePartitionsAsync(topic, -3));
        c.Note("more partitions, validated only", await c.CreatePartitionsAsync(topic, 3, validateOnly: true));
        c.Note("more partitions", await c.CreatePartitionsAsync(topic, 3));
        await c.CreateTopicAsync(topic, 3);
        c.Note("partitions now", await c.MetadataAsync(topic));
        c.Note("partitions of an unknown topic", await c.CreatePartitionsAsync("nobody-made-me", 3));
        c.Note("partitions of no name", await c.CreatePartitionsAsync("", 3));
        c.Note("delete an unknown topic", await c.DeleteTopicAsync("nobody-made-me"));
        c.Note("delete no name", await c.DeleteTopicAsync(""));
        c.Note("delete", await c.DeleteTopicAsync(topic));
        for (int i = 0; i < 200 && !(await c.MetadataAsync(topic)).Contains("error 3", StringComparison.Ordinal); i++)
            await Task.Delay(25);
        c.Note("gone", await c.MetadataAsync(topic));
        c.Note("delete again", await c.DeleteTopicAsync(topic));
    }

    public static async Task Metadata(Conversation c)
    {
        await c.CreateTopicAsync("shown", 2);
        for (int version = 0; version <= 8; version++)
        {
            c.Note($"topic, version {version}", await c.MetadataAsync("shown", version));
            c.Note($"unknown topic, version {version}", await c.MetadataAsync("nobody-made-me", version));
        }

        c.Note("invalid name", await c.MetadataAsync("not a name"));
        c.Note("invalid name, may be made", await c.MetadataAsync("not a name", autoCreate: true));
        c.Note("unknown, may be made", await c.MetadataAsync("nobody-made-me", autoCreate: true));
        c.Note("no name", await c.MetadataAsync(""));
        c.Note("no topics asked for", await c.EmptyMetadataAsync());
        c.Note("cluster", await c.DescribeClusterAsync(1));
        c.Note("cluster, version 0", await c.DescribeClusterAsync(1, version: 0));
        c.Note("cluster, controllers", await c.DescribeClusterAsync(2));
    }

    public static async Task Configurations(Conversation c)
    {
        string topic = await c.CreateTopicAsync("configured", 1, ("cleanup.policy", "compact"));
        async Task Show(string step, string key) => c.Note(step, await c.DescribeConfigAsync(Topic, topic, key));
        // Kafka answers the change before its broker has heard of it from the controller: asked until the answer holds what was set.
        async Task Changed(string step, string key, string holds) => c.Note(step, await c.DescribeConfigUntilAsync(Topic, topic, key, holds));
        await Show("set at its making", "cleanup.policy");
        foreach (string key in new[]
        {
            "compression.type", "delete.retention.ms", "file.delete.delay.ms", "flush.messages", "flush.ms", "index.interval.bytes", "max.compaction.lag.ms",
            "max.message.bytes", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
            "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "retention.bytes", "retention.ms", "segment.bytes", "segment.index.bytes",
            "segment.jitter.ms", "segment.ms", "unclean.leader.election.enable",
        })
            await Show($"default of {key}", key);
        await Show("unknown setting", "no.such.setting");
        c.Note("unknown topic", await c.DescribeConfigAsync(Topic, "nobody-made-me", null));
        c.Note("invalid topic", await c.DescribeConfigAsync(Topic, "not a name", null));
        c.Note("unknown broker", await c.DescribeConfigAsync(Broker, "77", null));
        c.Note("broker without a number", await c.DescribeConfigAsync(Broker, "x", null));
        c.Note("unknown kind", await c.DescribeConfigAsync(99, "x", null));
        c.Note("set", await c.AlterConfigAsync(Topic, topic, "retention.ms", 0, "1000"));
        await Changed("is set", "retention.ms", "retention.ms=1000 ");
        c.Note("delete", await c.AlterConfigAsync(Topic, topic, "retention.ms", 1, null));
        await Changed("is deleted", "retention.ms", "retention.ms=604800000 ");
        c.Note("append", await c.AlterConfigAsync(Topic, topic, "cleanup.policy", 2, "delete"));
        await Changed("is appended", "cleanup.policy", "cleanup.policy=compact,delete ");
        c.Note("append again", await c.AlterConfigAsync(Topic, topic, "cleanup.policy", 2, "delete"));
        await Show("is appended once", "cleanup.policy");
        c.Note("subtract", await c.AlterConfigAsync(Topic, topic, "cleanup.policy", 3, "compact"));
        await Changed("is subtracted", "cleanup.policy", "cleanup.policy=delete ");
        c.Note("append to what is no list", await c.AlterConfigAsync(Topic, topic, "retention.ms", 2, "5"));
        c.Note("unknown operation", await c.AlterConfigAsync(Topic, topic, "retention.ms", 9, "5"));
        c.Note("set null", await c.AlterConfigAsync(Topic, topic, "retention.ms", 0, null));
        c.Note("set nonsense", await c.AlterConfigAsync(Topic, topic, "retention.ms", 0, "soon"));
        c.Note("set what is unknown", await c.AlterConfigAsync(Topic, topic, "no.such.setting", 0, "1"));
        c.Note("delete what is unknown", await c.AlterConfigAsync(Topic, topic, "no.such.setting", 1, null));
        c.Note("set for an unknown topic", await c.AlterConfigAsync(Topic, "nobody-made-me", "retention.ms", 0, "1000"));
        c.Note("replace", await c.AlterConfigsAsync(Topic, topic, ("retention.ms", "2000")));
        await Changed("replaced", "retention.ms", "retention.ms=2000 ");
        await Show("what was not named", "cleanup.policy");
        c.Note("replace with nonsense", await c.AlterConfigsAsync(Topic, topic, ("retention.ms", "soon")));
        c.Note("replace for an unknown topic", await c.AlterConfigsAsync(Topic, "nobody-made-me", ("retention.ms", "1000")));
        c.Note("set for an unknown kind", await c.AlterConfigAsync(99, "x", "retention.ms", 0, "1000"));
        c.Note("set for an unknown broker", await c.AlterConfigAsync(Broker, "77", "log.cleaner.threads", 0, "1"));
    }

    public static async Task Versions(Conversation c)
    {
        foreach (int version in new[] { 0, 1, 2, 3 })
            c.Note($"version {version}", (await c.ApiVersionsAsync(version))?.Error);
        (int Error, Dictionary<int, (int, int)> Ranges)? ahead = await c.ApiVersionsAsync(2_000, readAs: 0);
        c.Note("a version ahead", (ahead!.Value.Error, ahead.Value.Ranges.Count, ahead.Value.Ranges.ContainsKey(18)));
        foreach (string software in new[] { "", "-wire", "wire-", "wi re", "wire.4-x" })
            c.Note($"software '{software}'", (await c.ApiVersionsAsync(3, software))?.Error);
        foreach ((int key, int version) in new[] { (1, 99), (0, 2), (0, 99), (3, 200), (2, 0), (999, 0), (-1, 0), (8, 1), (19, 1) })
            c.Note($"key {key} version {version}", await c.AskAsync(key, version, r => { }) is null ? "connection closed" : "answered");
    }
}
