using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine;

/// <summary>Decides where a partition starts, and refuses to count on where the numbers could only become wrong.</summary>
public static class StartChecks
{
    /// <summary>What is known of a partition before its first record is read.</summary>
    /// <param name="Topic">Input topic.</param>
    /// <param name="Partition">Input partition.</param>
    /// <param name="PartitionCount">Partitions of the input topic now.</param>
    /// <param name="Generation">The one we run.</param>
    /// <param name="Input">Ends of the input partition.</param>
    /// <param name="Committed">The group's offset.</param>
    /// <param name="Progress">Last progress in the changelog.</param>
    /// <param name="Changelog">Name of the changelog.</param>
    /// <param name="ChangelogMissingBelow">What the changelog held below this offset was removed and is not in a snapshot either.</param>
    /// <param name="GenerationSetting">The key that says which one we run.</param>
    public sealed record Facts(
        string Topic, int Partition, int PartitionCount, int Generation, LogEnds Input, long? Committed, Progress? Progress, string Changelog,
        long ChangelogMissingBelow = 0, string GenerationSetting = "Processor:Generation")
    {
        public string Place => $"{Topic} partition {Partition}";
    }

    /// <returns>The offset of the first record to read.</returns>
    /// <exception cref="ConfigurationException">Going on would count wrongly; says what happened and what to do.</exception>
    public static long StartOffset(Facts facts, bool acceptLostEvents)
    {
        var offset = facts.Progress is { } progress ? Known(facts, progress) : Fresh(facts);
        if (offset > facts.Input.High)
            throw new ConfigurationException(
                $"{facts.Place} ends at offset {facts.Input.High}, but events below offset {offset} were counted: the topic was recreated, or this is "
                + "another cluster; point Kafka:BootstrapServers to the right one, or start with new hours and changelog topics.");
        if (offset >= facts.Input.Low || acceptLostEvents) return Math.Max(offset, facts.Input.Low);
        throw new ConfigurationException(
            $"{facts.Place} begins at offset {facts.Input.Low}, but only events below offset {offset} were counted: {facts.Input.Low - offset} events "
            + "were removed before they were counted; set Processor:AcceptLostEvents=true once to go on without them.");
    }

    private static long Known(Facts facts, Progress progress)
    {
        if (progress.Generation != facts.Generation)
            throw new ConfigurationException(
                $"{facts.Changelog} holds generation {progress.Generation}, this process runs generation {facts.Generation}: "
                + $"set {facts.GenerationSetting} to that one, or give the new generation topics of its own.");
        if (facts.ChangelogMissingBelow > 0)
            throw new ConfigurationException(
                $"{facts.Changelog} partition {facts.Partition} begins at offset {facts.ChangelogMissingBelow}: a part of the state was removed with the "
                + "records before it; its cleanup.policy must be compact and nothing else. Rebuild into a new generation, with topics of its own.");
        if (progress.PartitionCount != facts.PartitionCount)
            throw new ConfigurationException(
                $"{facts.Topic} has {facts.PartitionCount} partitions, but was counted with {progress.PartitionCount}: users would move between "
                + "partitions and count twice; rebuild into a new generation.");
        if (progress.Partitioner != KafkaClientConfig.PartitionerName)
            throw new ConfigurationException(
                $"{facts.Place} was counted with partitioner {progress.Partitioner}, this version uses {KafkaClientConfig.PartitionerName}: "
                + "rebuild into a new generation.");
        // One transaction writes both, so they can only differ when somebody moved the group's offset.
        if (facts.Committed is { } committed && committed != progress.NextOffset)
            throw new ConfigurationException(
                $"The group's offset of {facts.Place} is {committed}, its changelog says {progress.NextOffset}: somebody moved it; "
                + $"set it to {progress.NextOffset} or delete it.");
        return progress.NextOffset;
    }

    private static long Fresh(Facts facts)
    {
        if (facts.Committed is > 0)
            throw new ConfigurationException(
                $"The group's offset of {facts.Place} is {facts.Committed}, but {facts.Changelog} holds no state for it: the state was lost; "
                + "delete the group's offsets to count again from the beginning into new topics, or bring the changelog back.");
        return 0;
    }
}
