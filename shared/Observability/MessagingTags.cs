namespace Tally.Shared.Observability;

/// <summary>Names of the OpenTelemetry semantic conventions for messaging and databases (1.44, messaging still in development).</summary>
public static class MessagingTags
{
    public const string System = "messaging.system";
    public const string OperationName = "messaging.operation.name";
    public const string OperationType = "messaging.operation.type";
    public const string Destination = "messaging.destination.name";
    public const string Partition = "messaging.destination.partition.id";
    public const string Group = "messaging.consumer.group.name";
    public const string Offset = "messaging.kafka.offset";
    public const string BatchCount = "messaging.batch.message_count";
    public const string ErrorType = "error.type";
    public const string DbSystem = "db.system.name";
    public const string DbOperation = "db.operation.name";
    public const string Kafka = "kafka";
}
