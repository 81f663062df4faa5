using System.Net;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>The one owner of the colours is killed while a second processor stands by.</summary>
public sealed class ColourMoveTests
{
    [Test]
    public async Task While_the_colours_move_to_another_instance_there_is_503_with_Retry_After_and_then_the_same_answer()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Processor__SessionTimeout"] = "00:00:02" });
        var second = await pipeline.AddInstanceAsync("processor");
        await pipeline.Query.StopAsync(TimeSpan.FromSeconds(20));
        await using var query = pipeline.Query.With(new Dictionary<string, string>
        {
            ["Colours__Processors"] = $"{pipeline.At("processor", "").ToString().TrimEnd('/')},{second.ToString().TrimEnd('/')}",
        });
        query.Start();
        Send(pipeline, 30_000);
        var before = await StatsAsync(pipeline, []);

        await pipeline.Processor.KillAsync();
        var refusals = new List<(HttpStatusCode, TimeSpan?)>();
        var after = await StatsAsync(pipeline, refusals);
        Assert.Multiple(() =>
        {
            Assert.That(refusals, Is.Not.Empty, "the first owner's place was taken before anybody looked");
            Assert.That(refusals.Distinct(), Is.EqualTo(new[] { (HttpStatusCode.ServiceUnavailable, (TimeSpan?)TimeSpan.FromSeconds(1)) }));
            Assert.That(after, Is.EqualTo(before));
        });
    }

    private static void Send(Pipeline pipeline, int events)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = pipeline.Bootstrap, LingerMs = 5 }).Build();
        for (var n = 0; n < events; n++)
            producer.Produce(new TopicPartition("events", n % 3), new Message<Null, byte[]> { Value = Encoding.ASCII.GetBytes($"{"RGB"[n % 3]}_{n}") });
        Assert.That(producer.Flush(TimeSpan.FromSeconds(30)), Is.Zero);
    }

    /// <returns>Sets, events read and aged out once all are read.</returns>
    private static async Task<(long Sets, long Read, long AgedOut)> StatsAsync(Pipeline pipeline, List<(HttpStatusCode, TimeSpan?)> refusals)
    {
        var found = (Sets: 0L, Read: 0L, AgedOut: 0L);
        await Eventually.HoldsAsync("all sets are there", TimeSpan.FromSeconds(60), async () =>
        {
            using var answer = await pipeline.Http.GetAsync(pipeline.QueryAt("/events/get-stats"));
            if (!answer.IsSuccessStatusCode)
            {
                refusals.Add((answer.StatusCode, answer.Headers.RetryAfter?.Delta));
                return false;
            }
            var stats = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            found = (stats.GetProperty("valid_sets").GetInt64(), stats.GetProperty("events_read").GetInt64(), stats.GetProperty("events_aged_out").GetInt64());
            return found is { Sets: 10_000, Read: 30_000 };
        });
        return found;
    }
}
