using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd;

/// <summary>
/// A Kafka of three brokers, every topic kept by all of them in six partitions, and one broker killed under load. <c>make chaos-kafka</c> runs it: three brokers
/// are more than `make test` has time for; without, and with the settings that README's "Your own Kafka" prints.
/// </summary>
public sealed class OwnKafkaTests
{
    [TestCase(null)]
    [TestCase("PLAIN")]
    [TestCase("SCRAM-SHA-512")]
    public async Task Three_brokers_keep_every_event_while_one_is_killed_and_comes_back(string? mechanism)
    {
        if (Environment.GetEnvironmentVariable("OWN_KAFKA") != "3") Assert.Ignore("Three brokers are run by `make chaos-kafka`.");
        if (RealKafka.Reason() is { } reason) Assert.Ignore(reason);
        if (mechanism is "SCRAM-SHA-512" && NativeKafkaForTests.ReasonAgainstScram() is { } none) Assert.Ignore(none);
        using var secrets = mechanism is not null ? new BrokerSecrets() : null;
        var kafka = RealKafka.Cluster(3, ["offsets.topic.replication.factor=3", "transaction.state.log.replication.factor=3", .. secrets?.KafkaSettings ?? []]);
        var settings = new Dictionary<string, string> { ["Kafka__Partitions"] = "6", ["Kafka__ReplicationFactor"] = "3" };
        if (secrets is not null)
        {
            foreach (var (property, value) in secrets.Client(mechanism: mechanism!)) settings[$"Kafka__Client__{property}"] = value;
            await Task.Run(() =>
            {
                kafka.Start();
                secrets.AddScramUser(kafka);
            });
        }
        await using var pipeline = await Pipeline.StartAsync(settings, kafka);
        try
        {
            await LoseBrokersInTurnAsync(pipeline, kafka, mechanism);
        }
        catch
        {
            foreach (var service in pipeline.Services) await TestContext.Out.WriteLineAsync(service.Log);
            throw;
        }
        Assert.That(pipeline.Logs, Does.Not.Contain(BrokerSecrets.Password));
    }

    private static async Task LoseBrokersInTurnAsync(Pipeline pipeline, RealKafka kafka, string? mechanism)
    {
        var seed = Environment.TickCount;
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 3_600_000;
        long[] hours = [now, now - 1, 5000, 5001];
        HourBody Least(SteadyLoad load, long hour) => HourBody.Of(load.Accepted.Where(e => e.Hour == hour));
        await using var load = new SteadyLoad(pipeline, seed, clients: 16, hours);
        await using var reader = new Reader(pipeline, load, hours);

        for (var broker = 1; broker <= 3; broker++)
        {
            await Task.Delay(3_000);
            await Task.Run(() => kafka.Kill(broker));
            await Task.Delay(5_000);
            await Task.Run(() => kafka.Revive(broker));
        }
        await Task.Delay(3_000);
        await load.StopAsync();

        foreach (var hour in hours)
        {
            var most = HourBody.Of(load.Begun.Where(e => e.Hour == hour));
            await Eventually.HoldsAsync($"hour {hour} holds every event accepted", async () =>
            {
                using var answer = await pipeline.Http.GetAsync(pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}"));
                if (!answer.IsSuccessStatusCode || answer.Headers.Contains("Tally-Stale")) return false;
                var body = HourBody.Parse(await answer.Content.ReadAsStringAsync());
                Assert.That(most.AtLeast(body), $"hour {hour}: {body} is more than was sent, {most}");
                return body.AtLeast(Least(load, hour));
            });
        }
        await reader.StopAsync();
        await TestContext.Out.WriteLineAsync($"seed {seed}{(mechanism is null ? "" : $", SASL_SSL with {mechanism}")}: {load.Poster.Accepted} accepted, {load.Unknown.Count} unknown, {load.Poster.BrokenConnections} broken; {reader.Summary}");
        Assert.That(reader.Wrong, Is.Empty, () => pipeline.Logs);
        Assert.That(load.Poster.Accepted, Is.GreaterThan(0));
    }
}
