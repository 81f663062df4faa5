using System.Globalization;
using System.Text;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

public enum ResultState
{
    /// <summary>The window still grows.</summary>
    Early,

    /// <summary>Its end and the lateness have passed.</summary>
    Final,

    /// <summary>A frame came after it was final.</summary>
    Corrected,
}

/// <summary>What is known of a window.</summary>
/// <param name="Window">Which.</param>
/// <param name="UniqueUsers">Different uids, estimated where <paramref name="StandardError"/> is above 0.</param>
/// <param name="Frames">Frames in it.</param>
/// <param name="State">How far it has come.</param>
/// <param name="StandardError">Relative to the truth; 0 where the count is exact.</param>
public readonly record struct WindowResult(Window Window, long UniqueUsers, long Frames, ResultState State, double StandardError)
{
    /// <summary>Key on the topic of results: <c>kind|start</c>.</summary>
    public byte[] Key => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Window.Kind.Name()}|{Window.Start}"));

    public string StateName => State switch { ResultState.Early => "early", ResultState.Final => "final", _ => "corrected" };

    /// <summary>The value on the topic of results, and a line of the standard-input mode.</summary>
    public byte[] ToJson() => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"{{\"window\":\"{Window.Kind.Name()}\",\"start\":{Window.Start},\"end\":{Window.End},\"unique_users\":{UniqueUsers},\"frames\":{Frames},"
        + $"\"state\":\"{StateName}\",\"standard_error\":{Math.Round(StandardError, 6)}}}"));

    /// <summary>The record for the archive.</summary>
    /// <param name="generation">Of the counting.</param>
    /// <param name="version">Grows with each result.</param>
    public FrameWindow ToRecord(int generation, long version) => new()
    {
        Kind = Window.Kind.Name(),
        Start = Window.Start,
        End = Window.End,
        UniqueUsers = UniqueUsers,
        Frames = Frames,
        State = (FrameWindowState)State,
        StandardError = Math.Round(StandardError, 6),
        Generation = generation,
        Version = version,
    };
}
