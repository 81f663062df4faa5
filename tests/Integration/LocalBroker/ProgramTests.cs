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
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        return (process.ExitCode, await output, await error);
    }
}
