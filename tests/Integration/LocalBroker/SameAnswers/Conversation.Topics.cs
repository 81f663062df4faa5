using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Topics, configurations, metadata, versions.</summary>
internal sealed partial class Conversation
{
    /// <summary>Makes a topic and waits until it can be written to.</summary>
    public async Task<string> CreateTopicAsync(string name, int partitions = 1, params (string Key, string? Value)[] configs)
    {
        await TryCreateTopicAsync(name, partitions, 1, configs);
        for (int i = 0; i < Attempts; i++)
        {
            if ((await ListOffsetsAsync(name, -1, partition: partitions - 1))!.StartsWith("error 0", StringComparison.Ordinal))
                return name;
            await Task.Delay(Pause);
        }

        throw new AssertionException($"topic {name} was not made");
    }

    public async Task<string> TryCreateTopicAsync(
        string name, int partitions = 1, int replicas = 1, (string Key, string? Value)[]? configs = null, bool validateOnly = false, int[]? assignment = null)
    {
        WireAnswer? answer = await AskAsync(19, 4, r => r.Array([name], t => r.Text(t).Int32(partitions).Int16(replicas)
            .Array(assignment ?? [], a => r.Int32(a).Array([1], b => r.Int32(b)))
            .Array(configs ?? [], c => r.Text(c.Key).Text(c.Value))).Int32(10_000).Bool(validateOnly));
        return ReadTopicErrors(answer!, withMessage: true);
    }

    public async Task<string> DeleteTopicAsync(string name)
    {
        WireAnswer? answer = await AskAsync(20, 3, r => r.Array([name], t => r.Text(t)).Int32(10_000));
        return ReadTopicErrors(answer!, withMessage: false);
    }

    public async Task<string> CreatePartitionsAsync(string name, int count, bool validateOnly = false)
    {
        WireAnswer? answer = await AskAsync(37, 1, r => r.Array([name], t => r.Text(t).Int32(count).Array<int>(null, a => { })).Int32(10_000).Bool(validateOnly));
        return ReadTopicErrors(answer!, withMessage: true);
    }

    /// <summary>Error and partitions of one topic.</summary>
    public async Task<string> MetadataAsync(string name, int version = 8, bool autoCreate = false)
    {
        WireAnswer? answer = await AskAsync(3, version, r =>
        {
            r.Array([name], t => r.Text(t));
            if (version >= 4)
                r.Bool(autoCreate);
            if (version >= 8)
                r.Bool(false).Bool(false);
        });
        return ReadMetadata(answer!, version);
    }

    /// <summary>Number of topics in the answer to an empty list of topics.</summary>
    public async Task<string> EmptyMetadataAsync()
    {
        WireAnswer? answer = await AskAsync(3, 8, r => r.Array(Array.Empty<string>(), t => r.Text(t)).Bool(false).Bool(false).Bool(false));
        return ReadMetadata(answer!, 8);
    }

    /// <summary>Value and source of one setting, or the error.</summary>
    public async Task<string> DescribeConfigAsync(int type, string name, string? key)
    {
        WireAnswer? answer = await AskAsync(32, 2, r => r.Array([name], n => r.Int8(type).Text(n).Array(key is null ? null : new[] { key }, k => r.Text(k))).Bool(false));
        answer!.Int32();
        string text = answer.Array(() =>
        {
            int error = answer.Int16();
            answer.Text();
            (answer.Int8(), answer.Text()).ToString();
            return $"error {error} " + List(answer.Array(() =>
            {
                (string? found, string? value, bool readOnly, int source, bool sensitive) = (answer.Text(), answer.Text(), answer.Bool(), answer.Int8(), answer.Bool());
                answer.Array(() => (answer.Text(), answer.Text(), answer.Int8()));
                return $"{found}={value} read-only {readOnly} source {source} sensitive {sensitive}";
            }));
        })[0];
        answer.End();
        return text;
    }

    /// <summary>Asks until the answer holds what was set, and takes the last answer as it is when it never does.</summary>
    public async Task<string> DescribeConfigUntilAsync(int type, string name, string key, string holds)
    {
        string text = await DescribeConfigAsync(type, name, key);
        for (int i = 0; i < Attempts && !text.Contains(holds, StringComparison.Ordinal); i++)
        {
            await Task.Delay(Pause);
            text = await DescribeConfigAsync(type, name, key);
        }

        return text;
    }

    public async Task<int> AlterConfigsAsync(int type, string name, params (string Key, string? Value)[] configs)
    {
        WireAnswer? answer = await AskAsync(33, 1, r => r.Array([name], n => r.Int8(type).Text(n).Array(configs, c => r.Text(c.Key).Text(c.Value))).Bool(false));
        return ReadConfigError(answer!);
    }

    /// <param name="operation">0 set, 1 delete, 2 append, 3 subtract.</param>
    public async Task<int> AlterConfigAsync(int type, string name, string key, int operation, string? value)
    {
        WireAnswer? answer = await AskAsync(44, 0, r => r.Array([name], n => r.Int8(type).Text(n).Array([key], k => r.Text(k).Int8(operation).Text(value))).Bool(false));
        return ReadConfigError(answer!);
    }

    /// <summary>Error, and the ranges offered by key.</summary>
    public async Task<(int Error, Dictionary<int, (int Min, int Max)> Ranges)?> ApiVersionsAsync(int version, string software = "wire", int readAs = -1)
    {
        if (await AskAsync(18, version, r => Write(r)) is not { } answer)
            return null;
        int error = answer.Int16();
        Dictionary<int, (int, int)> ranges = answer.Structs(() => (Key: (int)answer.Int16(), Min: (int)answer.Int16(), Max: (int)answer.Int16()))
            .ToDictionary(r => r.Key, r => (r.Min, r.Max));
        return (error, ranges);

        void Write(WireRequest request)
        {
            if (version >= 3)
                request.Text(software).Text("1.0");
        }
    }

    /// <param name="kind">1 brokers, 2 controllers.</param>
    public async Task<string> DescribeClusterAsync(int kind, int version = 1)
    {
        WireAnswer? answer = await AskAsync(60, version, r =>
        {
            r.Bool(false);
            if (version >= 1)
                r.Int8(kind);
        });
        answer!.Int32();
        int error = answer.Int16();
        answer.Text();
        string type = version >= 1 ? $" kind {answer.Int8()}" : "";
        (bool named, int controller) = (answer.Text()?.Length > 0, answer.Int32());
        int nodes = answer.Structs(() => (answer.Int32(), answer.Text(), answer.Int32(), answer.Text())).Count;
        int operations = answer.Int32();
        answer.End();
        return $"error {error}{type} named {named} controller {controller > 0} nodes {nodes} operations {operations}";
    }

    private static string ReadTopicErrors(WireAnswer answer, bool withMessage)
    {
        answer.Int32();
        List<string> topics = answer.Array(() =>
        {
            answer.Text();
            int error = answer.Int16();
            bool message = withMessage && answer.Text() is not null;
            return withMessage ? $"error {error} message {message}" : $"error {error}";
        });
        answer.End();
        return List(topics);
    }

    private static string ReadMetadata(WireAnswer answer, int version)
    {
        if (version >= 3)
            answer.Int32();
        int brokers = answer.Array(() => (answer.Int32(), answer.Text(), answer.Int32(), version >= 1 ? answer.Text() : null)).Count;
        if (version >= 2)
            answer.Text();
        if (version >= 1)
            answer.Int32();
        List<string> topics = answer.Array(() =>
        {
            int error = answer.Int16();
            string? name = answer.Text();
            bool isInternal = version >= 1 && answer.Bool();
            List<string> partitions = answer.Array(() =>
            {
                (int partitionError, int index, _) = (answer.Int16(), answer.Int32(), answer.Int32());
                int epoch = version >= 7 ? answer.Int32() : 0;
                List<int> replicas = answer.Array(answer.Int32), insync = answer.Array(answer.Int32), offline = version >= 5 ? answer.Array(answer.Int32) : [];
                return $"{index}: error {partitionError} epoch {epoch} replicas {replicas.Count}/{insync.Count}/{offline.Count}";
            });
            string operations = version >= 8 ? $" operations {answer.Int32()}" : "";
            return $"'{name}' error {error} internal {isInternal} {List(partitions.Order(StringComparer.Ordinal))}{operations}";
        });
        string all = version >= 8 ? $" operations {answer.Int32()}" : "";
        answer.End();
        return $"brokers {brokers} {List(topics)}{all}";
    }

    private static int ReadConfigError(WireAnswer answer)
    {
        answer.Int32();
        int error = answer.Array(() =>
        {
            int e = answer.Int16();
            return (e, answer.Text(), answer.Int8(), answer.Text());
        })[0].e;
        answer.End();
        return error;
    }
}
