namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>Where exact sets rest that memory has no room for. Never the truth: what a process leaves is not read by the next.</summary>
public interface IWindowFiles
{
    void Save(Window window, ReadOnlySpan<UInt128> users);

    /// <exception cref="Engine.Broker.LocalStateException">The file is damaged or gone.</exception>
    UInt128[] Load(Window window);

    void Remove(Window window);
}
