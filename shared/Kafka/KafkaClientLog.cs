using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Tally.Shared.Kafka;

/// <summary>Takes librdkafka's own log lines and errors into ours.</summary>
public static partial class KafkaClientLog
{
    public static ProducerBuilder<TKey, TValue> LogTo<TKey, TValue>(this ProducerBuilder<TKey, TValue> builder, ILogger logger) =>
        builder.SetLogHandler((_, line) => Take(logger, line)).SetErrorHandler((client, error) => Take(logger, client.Name, error));

    public static ConsumerBuilder<TKey, TValue> LogTo<TKey, TValue>(this ConsumerBuilder<TKey, TValue> builder, ILogger logger) =>
        builder.SetLogHandler((_, line) => Take(logger, line)).SetErrorHandler((client, error) => Take(logger, client.Name, error));

    public static AdminClientBuilder LogTo(this AdminClientBuilder builder, ILogger logger) =>
        builder.SetLogHandler((_, line) => Take(logger, line)).SetErrorHandler((client, error) => Take(logger, client.Name, error));

    public static void Take(ILogger logger, LogMessage line)
    {
        if (KafkaRefusal.Covers(logger, line)) return;
        var level = (LogLevel)line.LevelAs(LogLevelType.MicrosoftExtensionsLogging);
        ClientLine(logger, level == LogLevel.Error ? LogLevel.Warning : level, line.Name, line.Facility, line.Message);
    }

    public static void Take(ILogger logger, string client, Error error)
    {
        if (KafkaRefusal.Covers(logger, error)) return;
        ClientError(logger, error.IsFatal ? LogLevel.Error : LogLevel.Warning, client, error.Code, error.Reason);
    }

    [LoggerMessage(EventId = 9001, EventName = "KafkaClient", Message = "{Client} {Facility}: {Text}")]
    private static partial void ClientLine(ILogger logger, LogLevel level, string client, string facility, string text);

    [LoggerMessage(EventId = 9002, EventName = "KafkaClientError", Message = "{Client}: {Code} {Reason}")]
    private static partial void ClientError(ILogger logger, LogLevel level, string client, ErrorCode code, string reason);
}
