using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>kcat, a C client on librdkafka: the system's, and a newer one where TALLY_LIBRDKAFKA names a folder that holds its librdkafka.so.1.</summary>
public sealed class KcatTests : BrokerFixture
{
    private readonly Dictionary<string, string> _environment = [];

    [TestCase(false)]
    [TestCase(true)]
    public async Task Kcat_lists_writes_and_reads(bool newer)
    {
        if (newer)
            UseNewerLibrary();
        await Broker.CreateTopicAsync("events", 2);
        string[] lines = [.. Enumerable.Range(0, 500).Select(i => $"line {i}")];
        await Kcat(string.Join('\n', lines), "-P", "-t", "events", "-z", "lz4", "-X", "enable.idempotence=true");
        Assert.That(await Kcat("", "-L"), Does.Contain("topic \"events\" with 2 partitions"));
        string read = await Kcat("", "-C", "-t", "events", "-o", "beginning", "-e", "-q", "-X", "check.crcs=true");
        Assert.That(read.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo(lines));
        string last = await Kcat("", "-C", "-t", "events", "-p", "0", "-o", "-1", "-e", "-q", "-f", "%o");
        Assert.That(last, Is.EqualTo($"{ReadAll("events", 2).Count(r => r.Partition == 0) - 1}"));
        string grouped = await Kcat("", "-G", "readers", "events", "-e", "-q", "-X", "auto.offset.reset=earliest");
        Assert.That(grouped.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo(lines));
        string later = await Kcat("", "-C", "-t", "events", "-o", "s@9999999999999", "-e", "-q");
        Assert.That(later, Is.Empty, "nothing is that new");
    }

    private void UseNewerLibrary()
    {
        if (Environment.GetEnvironmentVariable("TALLY_LIBRDKAFKA") is not { Length: > 0 } folder)
            Assert.Ignore("TALLY_LIBRDKAFKA does not name a folder with a newer librdkafka.so.1.");
        else
            _environment["LD_LIBRARY_PATH"] = folder;
    }

    private Task<string> Kcat(string input, params string[] arguments) =>
        ClientProgram.RunAsync("kcat", "Debian: kcat", ["-b", Broker.BootstrapServers, .. arguments], input, Eventually.Patience, environment: _environment);
}
