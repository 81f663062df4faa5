using System.Globalization;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>Describing and changing configurations. A topic's are stored; the broker's own are shown only.</summary>
internal sealed class ConfigHandlers(BrokerState state)
{
    public WireWriter Describe(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key32DescribeConfigs.Request request = Key32DescribeConfigs.Read(ref reader);
        WireWriter response = context.StartResponse();
        Key32DescribeConfigs.Write(response, request.Synonyms, [.. request.Resources.Select(Describe)]);
        return response;
    }

    public WireWriter Alter(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key33AlterConfigs.Request request = Key33AlterConfigs.Read(ref reader);
        WireWriter response = context.StartResponse();
        ConfigAnswer.WriteAll(response, [.. request.Resources.Select(r => Change(r.Type, r.Name, request.ValidateOnly, settings =>
        {
            settings.Clear();
            foreach ((string key, string? value) in r.Configs)
            {
                if (value is not null)
                    settings[key] = value;
            }

            return null;
        }))]);
        return response;
    }

    public WireWriter AlterIncrementally(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key44IncrementalAlterConfigs.Request request = Key44IncrementalAlterConfigs.Read(ref reader);
        WireWriter response = context.StartResponse();
        ConfigAnswer.WriteAll(response, [.. request.Resources.Select(r => Change(r.Type, r.Name, request.ValidateOnly, settings =>
        {
            foreach ((string key, Key44IncrementalAlterConfigs.Operation operation, string? value) in r.Configs)
            {
                if (ChangeOne(settings, key, operation, value) is { } refused)
                    return refused;
            }

            return null;
        }))]);
        return response;
    }

    private static (ErrorCode Error, string Message)? ChangeOne(
        Dictionary<string, string> settings, string key, Key44IncrementalAlterConfigs.Operation operation, string? value)
    {
        if (!Enum.IsDefined(operation))
            return (ErrorCode.InvalidRequest, $"The operation {(sbyte)operation} is not known.");
        if (operation == Key44IncrementalAlterConfigs.Operation.Delete)
        {
            settings.Remove(key);
            return null;
        }

        if (value is null)
            return (ErrorCode.InvalidRequest, $"A value is needed for {key}.");
        if (operation == Key44IncrementalAlterConfigs.Operation.Set)
        {
            settings[key] = value;
            return null;
        }

        if (key != "cleanup.policy")
            return (ErrorCode.InvalidConfig, $"{key} is not a list.");
        string before = settings.GetValueOrDefault(key) ?? LogConfig.Known.First(k => k.Key == key).Default;
        string[] parts = before.Split(',', StringSplitOptions.RemoveEmptyEntries);
        string[] changed = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        settings[key] = string.Join(',', operation == Key44IncrementalAlterConfigs.Operation.Append ? parts.Union(changed) : parts.Except(changed));
        return null;
    }

    private ConfigAnswer Change(sbyte type, string name, bool validateOnly, Func<Dictionary<string, string>, (ErrorCode Error, string Message)?> change)
    {
        if (type != (sbyte)ConfigResourceType.Topic)
            return new ConfigAnswer(ErrorCode.InvalidRequest, "Only topics can be configured while the broker runs; its own settings are options of its start.", type, name);
        (ErrorCode error, string? message) = state.Topics.Configure(name, change, validateOnly);
        return new ConfigAnswer(error, message, type, name);
    }

    private Key32DescribeConfigs.Result Describe(Key32DescribeConfigs.Resource resource)
    {
        IEnumerable<Key32DescribeConfigs.Entry>? entries = (ConfigResourceType)resource.Type switch
        {
            ConfigResourceType.Topic when state.Topics.Find(resource.Name) is { } topic => OfTopic(topic),
            ConfigResourceType.Broker when resource.Name == BrokerState.NodeId.ToString(CultureInfo.InvariantCulture) => OfBroker(),
            _ => null,
        };
        if (entries is null)
        {
            bool unknownTopic = resource.Type == (sbyte)ConfigResourceType.Topic;
            ErrorCode error = !unknownTopic ? ErrorCode.InvalidRequest
                : TopicCatalog.IsValidName(resource.Name) ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidTopic;
            var refused = new ConfigAnswer(error, "No such resource.", resource.Type, resource.Name);
            return new Key32DescribeConfigs.Result(refused, []);
        }

        var answer = new ConfigAnswer(ErrorCode.None, null, resource.Type, resource.Name);
        return new Key32DescribeConfigs.Result(answer, [.. entries.Where(e => resource.Keys is null || resource.Keys.Contains(e.Key))]);
    }

    private static IEnumerable<Key32DescribeConfigs.Entry> OfTopic(Topic topic) => LogConfig.Known.Select(known =>
        topic.Settings.TryGetValue(known.Key, out string? value)
            ? new Key32DescribeConfigs.Entry(known.Key, value, ConfigSource.DynamicTopic, ReadOnly: false)
            : new Key32DescribeConfigs.Entry(known.Key, known.Default, ConfigSource.Default, ReadOnly: false));

    private IEnumerable<Key32DescribeConfigs.Entry> OfBroker()
    {
        LocalBrokerOptions o = state.Options;
        (string Key, object Value)[] settings =
        [
            ("auto.create.topics.enable", o.AutoCreateTopics ? "true" : "false"), ("num.partitions", o.DefaultPartitions),
            ("group.min.session.timeout.ms", o.GroupSessionTimeoutMin.TotalMilliseconds),
            ("group.max.session.timeout.ms", o.GroupSessionTimeoutMax.TotalMilliseconds),
            ("group.initial.rebalance.delay.ms", o.GroupInitialRebalanceDelay.TotalMilliseconds),
            ("transaction.max.timeout.ms", o.TransactionTimeoutMax.TotalMilliseconds),
            ("offsets.retention.minutes", o.OffsetsRetention.TotalMinutes), ("socket.request.max.bytes", o.RequestBytesMax),
            ("producer.id.expiration.ms", o.ProducerIdExpiration.TotalMilliseconds),
        ];
        return settings.Select(s => new Key32DescribeConfigs.Entry(
            s.Key, Convert.ToString(s.Value, CultureInfo.InvariantCulture), ConfigSource.StaticBroker, ReadOnly: true));
    }
}
