using Tally.Shared.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>processor-service as a process, one of several that share the partitions.</summary>
public static class ChaosProcessor
{
    /// <param name="number">Its name among them.</param>
    /// <param name="kafka">Where the events are.</param>
    /// <param name="folder">For the state of all of them.</param>
    /// <param name="isStatic">Joins the group under its name.</param>
    /// <param name="more">Further settings.</param>
    public static ServiceProcess Of(int number, KafkaOptions kafka, string folder, bool isStatic, Dictionary<string, string> more)
    {
        var settings = new Dictionary<string, string>(more)
        {
            ["Kafka__BootstrapServers"] = kafka.BootstrapServers,
            ["Kafka__Partitions"] = $"{kafka.Partitions}",
            ["HashKey__Value"] = new('0', 64),
            ["Http__Port"] = $"{FreePort.Next()}",
            ["State__Directory"] = folder,
            ["Processor__Instance"] = $"chaos-{number}",
            ["Processor__StaticMembership"] = isStatic ? "true" : "false",
            ["DOTNET_TieredPGO"] = "0",
        };
        return ServiceProcess.Of($"processor-{number}", "ProcessorService", settings);
    }
}
