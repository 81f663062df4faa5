using System.Diagnostics;
using System.Globalization;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>Kafka's own command line tools, all in one JVM (Tools.java).</summary>
internal sealed class JavaTools : IAsyncDisposable
{
    private const string Package = "org.apache.kafka.tools.";
    private readonly Process _process;
    private readonly string _bootstrap;

    public JavaTools(string bootstrap)
    {
        if (RealKafka.Reason() is { } reason)
            Assert.Ignore(reason);
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "javac"))))
            Assert.Ignore("Kafka's tools are run from a Java source file, which needs a JDK (javac on the PATH).");
        string jars = BuiltProgram.Beside("kafka", "lib") ?? throw new InvalidOperationException("shared/kafka has no lib.");
        string source = Path.Combine(BuiltProgram.Root, "tests", "Integration", "LocalBroker", "Clients", "Tools.java");
        var start = new ProcessStartInfo("java", ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", $"{jars}/*", source])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _bootstrap = bootstrap;
        _process = Process.Start(start)!;
    }

    /// <summary>Runs a tool by the end of its class name; it must end well. Returns what it wrote.</summary>
    public async Task<string> RunAsync(string tool, string arguments, string? input = null)
    {
        string name = tool.StartsWith("kafka.", StringComparison.Ordinal) ? tool : Package + tool;
        string[] words = arguments.Replace("BOOTSTRAP", $"--bootstrap-server {_bootstrap}", StringComparison.Ordinal).Split(' ');
        await _process.StandardInput.WriteLineAsync(string.Join('\t', [name, .. words, .. input is null ? Array.Empty<string>() : ["<" + input]]));
        await _process.StandardInput.FlushAsync();
        string[] head = (await _process.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience) ?? throw new AssertionException("Java ended.")).Split(' ');
        var text = new char[int.Parse(head[1], CultureInfo.InvariantCulture)];
        // An empty read would wait for something to read.
        if (text.Length > 0)
            await _process.StandardOutput.ReadBlockAsync(text).AsTask().WaitAsync(Eventually.Patience);
        string output = new(text);
        Assert.That(head[0], Is.EqualTo("0"), $"{tool} {arguments}:\n{output}");
        return output;
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(5)))
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
