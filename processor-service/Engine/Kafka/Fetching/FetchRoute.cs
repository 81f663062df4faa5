using System.Collections.Concurrent;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Kafka.Wire;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>
/// By which way records come: over connections of our own, which is quicker, or through librdkafka, which knows encryption, logins and compression (docs/decisions/0026).
/// </summary>
public sealed partial class FetchRoute
{
    private const int AnswerBytesMax = 1 << 20;
    private static readonly string[] OfLibrdkafka = ["security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "socket.", "broker.", "fetch.", "receive.", "metadata.", "check.crcs", "client.rack"];

    private readonly bool _direct;
    private readonly ConcurrentDictionary<string, bool> _refused = [];

    public FetchRoute(KafkaOptions kafka, ProcessorOptions options) =>
        _direct = options.Fetching == ProcessorOptions.Direct && !kafka.Client.Keys.Any(key => OfLibrdkafka.Any(part => key.StartsWith(part, StringComparison.Ordinal)));

    /// <param name="config">The consumer's.</param>
    /// <param name="topic">What is read.</param>
    /// <param name="isInput">It is read as long as the session lasts and not compacted: that it stays the same log is looked at.</param>
    /// <param name="logger">Hears of outages.</param>
    /// <returns>Null where the records of the topic come through librdkafka.</returns>
    internal WireFetch? Open(ConsumerConfig config, string topic, bool isInput, ILogger logger)
    {
        if (!_direct || _refused.ContainsKey(topic)) return null;
        var settings = new FetchSettings(
            config.BootstrapServers, config.ClientId, TimeSpan.FromMilliseconds(config.FetchWaitMaxMs ?? 500), config.FetchMinBytes ?? 1,
            Math.Min(AnswerBytesMax, (config.QueuedMaxMessagesKbytes ?? 65_536) * 1024), config.MaxPartitionFetchBytes ?? AnswerBytesMax);
        return new WireFetch(settings, topic, isInput, logger);
    }

    /// <returns>Null where brokers are reached through librdkafka only.</returns>
    internal GroupLeave? Leaving(ConsumerConfig config) => _direct ? new GroupLeave(config.BootstrapServers, config.ClientId) : null;

    /// <summary>Its records come through librdkafka from now on.</summary>
    internal void Refuse(string topic, string why, ILogger logger)
    {
        _refused[topic] = true;
        Refused(logger, topic, why);
    }

    [LoggerMessage(EventId = 3042, Level = LogLevel.Information, Message = "{Topic} is fetched through librdkafka, which is slower: {Why}")]
    private static partial void Refused(ILogger logger, string topic, string why);
}
