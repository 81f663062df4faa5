using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>kafka-python as Debian packages it: a client in pure Python with protocol classes of its own.</summary>
public sealed class PythonTests : BrokerFixture
{
    private const string Python = "/usr/bin/python3";

    [Test]
    public async Task Kafka_python_makes_topics_writes_reads_and_shares_them_in_groups()
    {
        string found = await ClientProgram.RunAsync("sh", "any system", ["-c", $"{Python} -c 'import kafka' 2> /dev/null && echo yes || echo no"]);
        if (found.Trim() != "yes")
            Assert.Ignore("kafka-python is not installed (Debian: python3-kafka).");
        string script = Path.Combine(BuiltProgram.Root, "tests", "Integration", "LocalBroker", "Clients", "python_client.py");
        string output = await ClientProgram.RunAsync(Python, "Debian: python3", [script, Broker.BootstrapServers]);
        TestContext.Out.Write(output);
        Assert.That(output, Does.EndWith("done\n"));
    }
}
