namespace Tally.Tests.Support;

/// <summary>A part of the pipeline that a test may start and kill.</summary>
public interface IKillable : IAsyncDisposable
{
    string Name { get; }

    bool Running { get; }

    /// <summary>Its last words, for the message of a failing test.</summary>
    string Log { get; }

    void Start();

    /// <summary>SIGKILL: nothing is flushed, nothing is said goodbye to.</summary>
    Task KillAsync();
}
