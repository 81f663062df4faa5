using System.Globalization;
using System.Runtime.InteropServices;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>One file a window in a folder that is emptied at the start.</summary>
public sealed class WindowFiles : IWindowFiles, IDisposable
{
    private readonly string _folder;

    /// <exception cref="LocalStateException">The folder cannot be emptied or made.</exception>
    public WindowFiles(string folder)
    {
        _folder = folder;
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LocalStateException($"The folder {folder} cannot be used ({e.Message.TrimEnd('.')}): check State:Directory for space and rights.", e);
        }
    }

    public void Save(Window window, ReadOnlySpan<UInt128> users)
    {
        try
        {
            File.WriteAllBytes(Path(window), MemoryMarshal.AsBytes(users));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LocalStateException($"The folder {_folder} takes no more: {e.Message}", e);
        }
    }

    public UInt128[] Load(Window window)
    {
        try
        {
            var path = Path(window);
            var users = MemoryMarshal.Cast<byte, UInt128>(File.ReadAllBytes(path)).ToArray();
            File.Delete(path);
            return users;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LocalStateException($"The folder {_folder} does not give back what was put there: {e.Message}", e);
        }
    }

    public void Remove(Window window) => File.Delete(Path(window));

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    private string Path(Window window) => System.IO.Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{window.Kind.Name()}-{window.Start}.users"));
}
