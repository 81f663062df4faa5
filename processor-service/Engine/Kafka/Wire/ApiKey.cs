namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>The requests made here, by their numbers in Kafka's protocol.</summary>
internal enum ApiKey : short
{
    Fetch = 1,
    Metadata = 3,
    FindCoordinator = 10,
    LeaveGroup = 13,
    ApiVersions = 18,
}
