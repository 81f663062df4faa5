using System.Diagnostics;
using System.Globalization;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>A local-broker as a process of its own on a folder and port that outlive it, to be killed and started again.</summary>
public sealed class BrokerProcess : IAsyncDisposable
{
    private readonly string[] _options;
    private Process? _process;

    public BrokerProcess(params string[] options)
    {
        _options = options;
        Port = FreePort.Next();
    }

    public int Port { get; }

    public string DataDirectory { get; } = Directory.CreateTempSubdirectory("tally-broker-").FullName;

    public string BootstrapServers => $"127.0.0.1:{Port}";

    /// <summary>What the program wrote to both its outputs since its last start.</summary>
    public string Output { get; private set; } = "";

    /// <summary>Starts it and waits for its ready line; fails with its output when it ends instead.</summary>
    public async Task StartAsync(params string[] more)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Process process = Create(more);
        void Line(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null)
                return;
            Output += line.Data + "\n";
            if (line.Data.StartsWith("local-broker ready", StringComparison.Ordinal))
                ready.TrySetResult();
        }

        Output = "";
        process.OutputDataReceived += Line;
        process.ErrorDataReceived += Line;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"local-broker ended at its start: {Output}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        await ready.Task.WaitAsync(Eventually.Patience);
    }

    /// <summary>Starts it and kills it so much later, whether it is ready by then or not.</summary>
    public async Task StartAndKillAsync(TimeSpan after)
    {
        using Process process = Create([]);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Task.Delay(after);
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>SIGTERM; returns the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        Process process = _process ?? throw new InvalidOperationException("It does not run.");
        _process = null;
        using (Process kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        await process.WaitForExitAsync().WaitAsync(Eventually.Promptly);
        int code = process.ExitCode;
        process.Dispose();
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(DataDirectory, recursive: true);
    }

    private Process Create(string[] more)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])
            [BuiltProgram.Dll("LocalBroker"), "--data", DataDirectory, "--port", Port.ToString(CultureInfo.InvariantCulture), .. _options, .. more])
            start.ArgumentList.Add(argument);
        return new Process { StartInfo = start, EnableRaisingEvents = true };
    }
}
