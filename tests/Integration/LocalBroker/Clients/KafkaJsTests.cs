using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>kafkajs: a client in JavaScript, installed by npm into the build's own folder.</summary>
public sealed class KafkaJsTests : BrokerFixture
{
    private static readonly string[] Files = ["package.json", "package-lock.json", "client.js"];

    [Test]
    public async Task Kafkajs_makes_topics_writes_reads_shares_and_commits_or_aborts()
    {
        string folder = await InstallAsync();
        string output = await ClientProgram.RunAsync("node", "Node.js", [Path.Combine(folder, "client.js"), Broker.BootstrapServers], limit: TimeSpan.FromSeconds(120));
        TestContext.Out.Write(output);
        Assert.That(output, Does.EndWith("done\n"));
    }

    private static async Task<string> InstallAsync()
    {
        string source = Path.Combine(BuiltProgram.Root, "tests", "Integration", "LocalBroker", "Clients", "kafkajs");
        string folder = Directory.CreateDirectory(Path.Combine(BuiltProgram.Root, "artifacts", "kafkajs")).FullName;
        foreach (string file in Files)
            File.Copy(Path.Combine(source, file), Path.Combine(folder, file), overwrite: true);
        if (Directory.Exists(Path.Combine(folder, "node_modules", "kafkajs")))
            return folder;
        string installed = await ClientProgram.RunAsync(
            "sh", "any system", ["-c", "npm ci --no-audit --no-fund > npm.log 2>&1 && echo yes || echo no"], limit: TimeSpan.FromSeconds(60), folder: folder);
        if (installed.Trim() != "yes")
            Assert.Ignore($"kafkajs could not be installed with npm; what it said: {Path.Combine(folder, "npm.log")}");
        return folder;
    }
}
