namespace Tally.LocalBroker.Storage;

/// <summary>The folder that one broker owns: made when missing, locked while the broker runs.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly FileStream _lock;

    public DataFolder(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(Path);
            _lock = new FileStream(In("lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataFolderException($"The data folder {Path} cannot be written: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new DataFolderException($"The data folder {Path} is in use by another broker or cannot be used: {e.Message}", e);
        }
    }

    public string Path { get; }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => _lock.Dispose();
}
