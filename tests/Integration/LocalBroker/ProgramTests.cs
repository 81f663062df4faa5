using System.Diagnostics;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>The broker as a program: what it says and how it ends.</summary>
public sealed class ProgramTests
{
    [TestCase("--data is required", Description = "no options at all")]
    [TestCase("--prot is not known", "--data", "x", "--prot", "1")]
    [TestCase("--port: '70000' is not a number from 0 to 65535", "--data", "x", "--port", "70000")]
    [TestCase("--flush: 'often' is not never, interval or group", "--data", "x", "--flush", "often")]
    [TestCase("--port needs a value", "--data", "x", "--port")]
    public async Task A_wrong_option_is_one_sentence(string sentence, params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error.Replace("DIR ", "", StringComparison.Ordinal), Does.Contain(sentence));
        Assert.That(error.Trim().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(output, Is.Empty);
    }

    [Test]
    public async Task A_port_and_a_folder_in_use_are_one_sentence_each_and_SIGTERM_ends_it_quickly()
    {
        await using var broker = new BrokerProcess();
        await broker.StartAsync();
        (int code, _, string error) = await RunAsync("--data", broker.DataDirectory, "--port", "0");
        Assert.That((code, error.Trim().Split('\n').Length), Is.EqualTo((1, 1)));
        Assert.That(error, Does.Contain(broker.DataDirectory).And.Contain("in use"));

        string other = Directory.CreateTempSubdirectory("tally-broker-").FullName;
        (code, _, error) = await RunAsync("--data", other, "--port", $"{broker.Port}");
        Directory.Delete(other, recursive: true);
        Assert.That((code, error.Trim().Split('\n').Length), Is.EqualTo((1, 1)));
        Assert.That(error, Does.Contain($"Port {broker.Port}").And.Contain("in use"));

        long start = Environment.TickCount64;
        Assert.That(await broker.TerminateAsync(), Is.Zero);
        Assert.That(Environment.TickCount64 - start, Is.LessThan(5000));
    }

    [TestCase("127.0.0.1")]
    [TestCase("0.0.0.0", "--host", "0.0.0.0")]
    public async Task It_listens_on_loopback_unless_told_otherwise_and_then_says_who_gets_in(string address, params string[] options)
    {
        await using var broker = new BrokerProcess(options);
        await broker.StartAsync();
        // The system's own table: address and port in hex, state 0A is listening.
        string[] listening = [.. new[] { "/proc/net/tcp", "/proc/net/tcp6" }.Where(File.Exists).SelectMany(File.ReadLines)
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(f => f[3] == "0A" && f[1].EndsWith($":{broker.Port:X4}", StringComparison.Ordinal)).Select(f => f[1].Split(':')[0])];
        byte[] expected = System.Net.IPAddress.Parse(address).GetAddressBytes();
        Assert.That(listening, Is.EqualTo(new[] { Convert.ToHexString([.. expected.Reverse()]) }));
        Assert.That(broker.Output.Contains("anybody who reaches this port", StringComparison.Ordinal), Is.EqualTo(options.Length > 0), broker.Output);
    }

    [Test]
    public async Task Help_names_every_option()
    {
        (int code, string output, _) = await RunAsync("--help");
        Assert.That(code, Is.Zero);
        foreach (string option in new[] { "--data", "--host", "--port", "--flush", "--repair", "LocalBroker__" })
            Assert.That(output, Does.Contain(option));
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [BuiltProgram.Dll("LocalBroker"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Eventually.Promptly);
        return (process.ExitCode, await output, await error);
    }
}
