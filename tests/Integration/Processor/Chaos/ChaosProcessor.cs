using Tally.Shared.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>processor-service as a process, one of several that share the partitions.</summary>
public static class ChaosProcessor
{
    /// <summary>A checkout of another version that is built: two of the processors are run from it.</summary>
    private static readonly string? Old = Environment.GetEnvironmentVariable("OLD") is { Length: > 0 } folder ? folder : null;

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
        var dll = BuiltProgram.Dll("ProcessorService");
        // One of them a static member of the group.
        if (Old is not null && number is 1 or 2) dll = Path.Combine(Old, Path.GetRelativePath(BuiltProgram.Root, dll));
        return ServiceProcess.Built($"processor-{number}", dll, settings);
    }
}
