namespace Tally.Tests.Support;

/// <summary>What runs a redis-server for a test: a process of this machine, or a container.</summary>
public interface IRedisRun : IAsyncDisposable
{
    /// <summary>Its last words, for the message of a failing test.</summary>
    string Log { get; }

    /// <summary>Starts it, again too; whether it answers yet is for the caller to ask.</summary>
    Task StartAsync();

    /// <summary>SIGKILL.</summary>
    Task KillAsync();

    /// <summary>Stops it where it stands: connections stay open and nothing is answered.</summary>
    Task PauseAsync();

    Task ContinueAsync();
}
