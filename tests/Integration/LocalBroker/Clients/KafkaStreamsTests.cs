using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>Kafka Streams with exactly_once_v2, from shared/peers: it makes its own changelogs, shares its work in a group and commits in transactions.</summary>
public sealed class KafkaStreamsTests : BrokerFixture
{
    [Test]
    public async Task Kafka_Streams_counts_what_was_written()
    {
        if (RealKafka.Reason() is { } reason)
            Assert.Ignore(reason);
        if (BuiltProgram.Beside("peers", "run") is not { } run)
        {
            Assert.Ignore("There is no shared/peers beside the repository.");
            return;
        }

        int events = Environment.GetEnvironmentVariable("TALLY_CLIENTS") == "all" ? 200_000 : 40_000;
        string expected = Path.GetTempFileName();
        var environment = new Dictionary<string, string> { ["KAFKA_BOOTSTRAP"] = Broker.BootstrapServers };
        async Task<string> Peer(string arguments) => await ClientProgram.RunAsync(
            "bash", "any system", [run, .. arguments.Split(' ')], limit: TimeSpan.FromSeconds(150), environment: environment);
        await Peer($"generate --topic events --events {events} --users 5000 --hours 24 --partitions 4 --zipf 1.0 --expected {expected}");
        string line = await Peer($"kafka-streams --topic events --expect-events {events} --expected {expected} --seen chunks");
        TestContext.Out.Write(line);
        File.Delete(expected);
        Assert.That(line, Does.Contain("correct=true"));
    }
}
