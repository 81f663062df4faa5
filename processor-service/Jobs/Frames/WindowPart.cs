using Tally.ProcessorService.State;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>What one input partition gave to a window: its frames, and the uids that were new to the window with it.</summary>
public sealed class WindowPart : IDisposable
{
    public long Frames { get; set; }

    /// <summary>Hashes of the open chunk of the changelog.</summary>
    public HashList Tail { get; } = new();

    /// <summary>Number of the open chunk.</summary>
    public int OpenChunk { get; set; }

    /// <summary>Changed since it was written.</summary>
    public bool IsChanged { get; set; }

    /// <summary>What comes next goes into a new chunk.</summary>
    public void LeaveOpenChunk()
    {
        if (Tail.Count == 0) return;
        Tail.Clear();
        OpenChunk++;
    }

    public void Dispose() => Tail.Dispose();
}
