using System.Diagnostics;
using System.Globalization;

namespace Tally.Tests.Support;

/// <summary>
/// Apache Kafka itself, by the script of shared/kafka (or KAFKA_HOME_FOR_TESTS) where it is there and Java runs. One broker, or three,
/// with a folder and ports of its own.
/// </summary>
public sealed class RealKafka : IKillable
{
    private readonly string _script;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-kafka-");
    private readonly int _port;
    private readonly string[] _settings;
    private readonly int _brokers;
    private bool _started;

    /// <summary>So many brokers on ports of their own; each partition is kept by up to three of them.</summary>
    public static RealKafka Cluster(int brokers, params string[] settings) =>
        new(FreePort.NextWith([.. Enumerable.Range(0, brokers).SelectMany<int, int>(n => [n * 10, (n * 10) + 1])]), brokers, settings);

    /// <param name="port">Its port; the next one is the controller's.</param>
    /// <param name="settings">Of the broker, such as <c>num.partitions=2</c>.</param>
    public RealKafka(int port, params string[] settings)
        : this(port, 1, settings)
    {
    }

    private RealKafka(int port, int brokers, string[] settings)
    {
        _script = Script() ?? throw new InvalidOperationException("There is no Kafka here; ask Reason() first.");
        (_port, _brokers, _settings) = (port, brokers, settings);
    }

    public string Name => "kafka";

    public string Bootstrap => string.Join(',', Enumerable.Range(0, _brokers).Select(n => $"127.0.0.1:{_port + (n * 10)}"));

    public bool Running { get; private set; }

    public string Log => "--- kafka: see its own log";

    /// <summary>Why there is no real Kafka here, or null when there is.</summary>
    public static string? Reason()
    {
        if (Script() is null) return "There is no shared/kafka beside the repository and KAFKA_HOME_FOR_TESTS is not set: real Kafka is not tried.";
        return Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "java")))
            ? null
            : "Real Kafka needs Java 17, which is not on the PATH.";
    }

    /// <summary>Starts it and waits until it answers.</summary>
    public void Start()
    {
        Run(_started ? "revive" : string.Join(' ', ["start", $"--brokers {_brokers}", .. _settings.Select(s => $"--set '{s}'")]));
        _started = Running = true;
    }

    public Task KillAsync()
    {
        Run("kill");
        Running = false;
        return Task.CompletedTask;
    }

    /// <summary>Runs one of Kafka's own tools.</summary>
    /// <param name="call">Its class and arguments as a shell takes them.</param>
    public void Tool(string call) => Run($"tool {call}");

    /// <summary>kill -9 of one broker, counted from 1.</summary>
    public void Kill(int broker) => Run($"kill {broker}");

    /// <summary>Starts a killed one again and waits until it answers.</summary>
    public void Revive(int broker) => Run($"revive {broker}");

    /// <summary>SIGSTOP.</summary>
    public void Pause(int broker) => Run($"pause {broker}");

    /// <summary>SIGCONT.</summary>
    public void Resume(int broker) => Run($"resume {broker}");

    public ValueTask DisposeAsync()
    {
        if (_started) Run("destroy");
        if (_folder.Exists) _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    private static string? Script() =>
        Environment.GetEnvironmentVariable("KAFKA_HOME_FOR_TESTS") is { Length: > 0 } home
            ? Path.Combine(home, "kafka")
            : BuiltProgram.Beside("kafka", "kafka");

    private void Run(string verb)
    {
        // The script starts brokers that outlive it, so its output must not be a pipe that they keep open.
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"'{_script}' {verb} > '{_folder.FullName}.log' 2>&1"]);
        start.Environment["KAFKA_DIR"] = Path.Combine(_folder.FullName, "data");
        start.Environment["KAFKA_PORT"] = _port.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        var output = File.ReadAllText($"{_folder.FullName}.log");
        File.Delete($"{_folder.FullName}.log");
        if (process.ExitCode != 0) throw new InvalidOperationException($"kafka {verb} ended with {process.ExitCode}: {output}");
    }
}
