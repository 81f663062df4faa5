using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Tests.Unit.Frames;

internal sealed class MemoryWindowFiles : IWindowFiles
{
    private readonly Dictionary<Window, UInt128[]> _files = [];

    public int Saves { get; private set; }

    public int Count => _files.Count;

    public void Save(Window window, ReadOnlySpan<UInt128> users)
    {
        _files.Add(window, users.ToArray());
        Saves++;
    }

    public UInt128[] Load(Window window) => _files.Remove(window, out var users) ? users : throw new InvalidOperationException($"{window} was not saved");

    public void Remove(Window window) => Assert.That(_files.Remove(window), Is.True);
}
