using System.Net;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>Colours into their topic, and what is told of them.</summary>
internal sealed class ColourCalls(Pipeline pipeline)
{
    /// <summary>In turns to the three partitions. Returns once all are there.</summary>
    public void Send(params IEnumerable<string> values)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = pipeline.Bootstrap, LingerMs = 20, QueueBufferingMaxKbytes = 65_536 }).Build();
        // A topic that is known beforehand is not asked for by a timer of a second.
        using (var admin = new DependentAdminClientBuilder(producer.Handle).Build()) admin.GetMetadata("events", TimeSpan.FromSeconds(20));
        var n = 0;
        foreach (var value in values) Produce(producer, new TopicPartition("events", n++ % 3), Encoding.UTF8.GetBytes(value));
        Assert.That(producer.Flush(TimeSpan.FromSeconds(60)), Is.Zero);
    }

    /// <summary>Values of committed dead letters.</summary>
    public List<string> DeadLetters() => [.. DeadLetter.Read(pipeline.Bootstrap, "events.dead-letter").Select(letter => letter.Value)];

    /// <param name="what">Is awaited, in words.</param>
    /// <param name="limit">How long.</param>
    /// <param name="holds">Whether the stats are the awaited ones.</param>
    /// <param name="refusals">Gets the status and Retry-After of each answer that was none.</param>
    public async Task<JsonElement> StatsAsync(string what, TimeSpan limit, Func<JsonElement, bool> holds, List<(HttpStatusCode Status, TimeSpan? RetryAfter)>? refusals = null)
    {
        JsonElement stats = default;
        await Eventually.HoldsAsync(what, limit, async () =>
        {
            using var answer = await pipeline.Http.GetAsync(pipeline.QueryAt("/events/get-stats"));
            if (!answer.IsSuccessStatusCode)
            {
                refusals?.Add((answer.StatusCode, answer.Headers.RetryAfter?.Delta));
                return false;
            }
            stats = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            return holds(stats);
        });
        return stats;
    }

    public static long Number(JsonElement stats, string name) => stats.GetProperty(name).GetInt64();

    private static void Produce(IProducer<Null, byte[]> producer, TopicPartition to, byte[] value)
    {
        while (true)
        {
            try
            {
                producer.Produce(to, new Message<Null, byte[]> { Value = value });
                return;
            }
            catch (ProduceException<Null, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(20));
            }
        }
    }
}
