using System.Text;
using Confluent.Kafka;
using Tally.Shared.Contracts;

namespace Tally.Tests.EndToEnd;

/// <summary>A dead letter as anybody's consumer reads it: text of its value, and why it is one.</summary>
internal sealed record DeadLetter(string Value, string Reason)
{
    /// <summary>All committed ones of a topic.</summary>
    public static List<DeadLetter> Read(string bootstrap, string topic)
    {
        using var consumer = new ConsumerBuilder<Ignore, byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = "dead-letters-of-the-test",
            IsolationLevel = IsolationLevel.ReadCommitted,
            EnablePartitionEof = true,
            EnableAutoCommit = false,
        }).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count;
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var letters = new List<DeadLetter>();
        for (var ended = 0; ended < partitions;)
        {
            var result = consumer.Consume(TimeSpan.FromSeconds(20)) ?? throw new TimeoutException($"The end of {topic} was not reached.");
            if (result.IsPartitionEOF) ended++;
            else letters.Add(new(Encoding.UTF8.GetString(result.Message.Value ?? []), Encoding.UTF8.GetString(result.Message.Headers.GetLastBytes(DeadLetterHeaders.Reason))));
        }
        return letters;
    }
}
