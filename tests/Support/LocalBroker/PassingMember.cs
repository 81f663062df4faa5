using Confluent.Kafka;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>A member that joins a group under another's instance name and goes away: what a request to join leaves whose answer nobody waits for any more.</summary>
public static class PassingMember
{
    /// <summary>Comes back when the one of the same name has been fenced and the group has no living member of it.</summary>
    public static Task JoinAsync(string bootstrap, string group, string instance, string topic) => Task.Run(async () =>
    {
        using var member = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = group,
            GroupInstanceId = instance,
            SessionTimeoutMs = 6_000,
            EnableAutoCommit = false,
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range,
        }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        member.Subscribe(topic);
        await Eventually.HoldsAsync("it is a member", () =>
        {
            member.Consume(TimeSpan.FromMilliseconds(100));
            return Task.FromResult(member.Assignment.Count > 0);
        });
        // One with an instance name does not say that it leaves.
        member.Close();
    });
}
