namespace Tally.ProcessorService.State.Files;

/// <summary>
/// The local disk as state sees it, narrow enough for a simulation to tear, lose and refuse what goes through it. Every call may throw
/// <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>. Nothing is flushed to the disk: a lost file costs a restore.
/// </summary>
public interface IStateFiles
{
    /// <summary>Makes the folder and those above it where missing.</summary>
    void CreateDirectory(string path);

    /// <returns>Names (no paths) of the files in the folder.</returns>
    IReadOnlyList<string> List(string directory);

    /// <summary>Makes a file anew for writing.</summary>
    IStateWriter Create(string path);

    IStateReader Open(string path);

    /// <summary>Renames in one step, over an existing file too.</summary>
    void Rename(string from, string to);

    /// <summary>Removes the file; one that is not there is no fault.</summary>
    void Delete(string path);

    /// <summary>Keeps other processes from using the folder until disposed.</summary>
    /// <exception cref="IOException">Another process uses it.</exception>
    IDisposable Lock(string directory);
}

/// <summary>Writes a file from its beginning on.</summary>
public interface IStateWriter : IDisposable
{
    void Write(ReadOnlySpan<byte> bytes);
}

/// <summary>Reads anywhere in a file; from several threads at once.</summary>
public interface IStateReader : IDisposable
{
    long Length { get; }

    /// <summary>Fills <paramref name="bytes"/> from <paramref name="offset"/> on.</summary>
    /// <exception cref="EndOfStreamException">The file ends before.</exception>
    void Read(long offset, Span<byte> bytes);
}
