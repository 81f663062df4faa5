namespace Tally.Tests.Support;

/// <summary>redis-server of the system's packages as a process.</summary>
public sealed class RedisProcess(string[] arguments) : IRedisRun
{
    private readonly ServiceProcess _process = new("redis", "redis-server", arguments);

    /// <summary>Why there can be none here, or null.</summary>
    public static string? Reason { get; } = Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "redis-server")))
        ? null
        : "redis-server is not on the PATH (Debian, Ubuntu: apt-get install redis-server).";

    public string Log => _process.Log;

    public Task StartAsync()
    {
        _process.Start();
        return Task.CompletedTask;
    }

    public Task KillAsync() => _process.KillAsync();

    public Task PauseAsync()
    {
        _process.Pause();
        return Task.CompletedTask;
    }

    public Task ContinueAsync()
    {
        _process.Continue();
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
