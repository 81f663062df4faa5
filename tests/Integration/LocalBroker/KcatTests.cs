using System.Diagnostics;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>A client that nobody here wrote.</summary>
public sealed class KcatTests : BrokerFixture
{
    [Test]
    public async Task Kcat_lists_writes_and_reads()
    {
        await Broker.CreateTopicAsync("events", 2);
        string[] lines = [.. Enumerable.Range(0, 500).Select(i => $"line {i}")];
        await Kcat(string.Join('\n', lines), "-P", "-t", "events", "-z", "lz4", "-X", "enable.idempotence=true");
        Assert.That(await Kcat("", "-L"), Does.Contain("topic \"events\" with 2 partitions"));
        string read = await Kcat("", "-C", "-t", "events", "-o", "beginning", "-e", "-q", "-X", "check.crcs=true");
        Assert.That(read.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo(lines));
        string last = await Kcat("", "-C", "-t", "events", "-p", "0", "-o", "-1", "-e", "-q", "-f", "%o");
        Assert.That(last, Is.EqualTo($"{ReadAll("events", 2).Count(r => r.Partition == 0) - 1}"));
    }

    private async Task<string> Kcat(string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("kcat", ["-b", Broker.BootstrapServers, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = StartOrIgnore(start);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Limit);
        Assert.That(process.ExitCode, Is.Zero, await error);
        return await output;
    }

    private static Process StartOrIgnore(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("kcat is not installed.");
            throw;
        }
    }
}
