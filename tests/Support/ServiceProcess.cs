using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Tally.Tests.Support;

/// <summary>A program of ours (or redis-server) as a process of its own, to be started, killed and paused like in real life.</summary>
public sealed partial class ServiceProcess : IKillable
{
    private const int SigTerm = 15;
    private const int SigCont = 18;
    private const int SigStop = 19;
    private const int LinesKept = 400;
    private const string Begins = "--- starts";

    private readonly string _file;
    private readonly string[] _arguments;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly ConcurrentQueue<string> _lines = new();
    private Process? _process;
    private string _stacks = "";

    public ServiceProcess(string name, string file, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        Name = name;
        _file = file;
        _arguments = arguments;
        _environment = environment ?? new Dictionary<string, string>();
    }

    public string Name { get; }

    public bool Running => _process is { HasExited: false };

    /// <summary>Of the process that runs now.</summary>
    public int Id => _process!.Id;

    public string Log => $"--- {Name}\n{string.Join('\n', _lines)}\n{_stacks}";

    /// <summary>What it said since its last start.</summary>
    public string LogOfThisLife => Log[Math.Max(0, Log.LastIndexOf(Begins, StringComparison.Ordinal))..];

    /// <summary>A program of the repository with its own appsettings.json: beside the tests lies that of whichever was built last.</summary>
    public static ServiceProcess Of(string name, string project, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Built(name, BuiltProgram.Dll(project), environment, arguments);

    /// <summary>The same of a program that may be of another checkout.</summary>
    public static ServiceProcess Built(string name, string dll, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        new(name, "dotnet", [dll, .. arguments], new Dictionary<string, string>(environment) { ["ASPNETCORE_CONTENTROOT"] = Path.GetDirectoryName(dll)! });

    /// <summary>The same program, not started, with other settings and further arguments.</summary>
    public ServiceProcess With(IReadOnlyDictionary<string, string> settings, params string[] arguments)
    {
        var environment = new Dictionary<string, string>(_environment);
        foreach (var (key, value) in settings) environment[key] = value;
        return new ServiceProcess(Name, _file, [.. _arguments, .. arguments], environment);
    }

    public void Start()
    {
        if (Running) throw new InvalidOperationException($"{Name} runs already.");
        var start = new ProcessStartInfo(_file, _arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var (key, value) in _environment) start.Environment[key] = value;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Keep(e.Data);
        _process.ErrorDataReceived += (_, e) => Keep(e.Data);
        Keep(Begins);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public async Task KillAsync()
    {
        if (_process is null) return;
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGSTOP, to the processes it started too.</summary>
    public void Pause() => SignalAll(SigStop);

    public void Continue() => SignalAll(SigCont);

    /// <summary>SIGTERM; returns the exit code, or null when it had not ended within <paramref name="limit"/> and was killed.</summary>
    public async Task<int?> StopAsync(TimeSpan limit)
    {
        if (_process is not { HasExited: false }) return _process?.ExitCode;
        Signal(SigTerm);
        return await ExitedAsync(limit);
    }

    /// <summary>Waits for it to end by itself.</summary>
    public async Task<int?> ExitedAsync(TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit);
        try
        {
            await _process!.WaitForExitAsync(patience.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            _stacks = await ThreadStacks.OfAsync(Id);
            await KillAsync();
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Running) await KillAsync();
        _process?.Dispose();
    }

    private void SignalAll(int signal)
    {
        Signal(signal);
        if (!Running) return;
        // One that ends in between needs no signal.
        foreach (var child in File.ReadAllText($"/proc/{Id}/task/{Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            _ = Kill(int.Parse(child, CultureInfo.InvariantCulture), signal);
    }

    private void Signal(int signal)
    {
        if (_process is { HasExited: false } && Kill(_process.Id, signal) != 0) throw new InvalidOperationException($"kill -{signal} {Name} failed.");
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _lines.Enqueue(line);
        while (_lines.Count > LinesKept) _lines.TryDequeue(out _);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
