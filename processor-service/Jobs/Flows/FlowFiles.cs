using System.Globalization;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>One file an hour and partition in a folder that is emptied at the start: the truth is in the changelog.</summary>
public sealed class FlowFiles
{
    private readonly string _folder;
    private long _names;

    public FlowFiles(string folder)
    {
        _folder = folder;
        Do(() =>
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
            return true;
        });
    }

    public string NewName() => (++_names).ToString(CultureInfo.InvariantCulture) + ".sums";

    public void Append(string name, IReadOnlyDictionary<byte[], FlowBytes> sums) => Do(() =>
    {
        using var file = new FileStream(Path.Combine(_folder, name), FileMode.Append, FileAccess.Write, FileShare.None, 1 << 16);
        using var writer = new BinaryWriter(file);
        foreach (var (key, sum) in sums)
        {
            writer.Write((ushort)key.Length);
            writer.Write(key);
            writer.Write(sum.Tx);
            writer.Write(sum.Rx);
            writer.Write(sum.Saturated);
        }
        return true;
    });

    /// <summary>Reads a file and removes it; of several sums of a key the last counts.</summary>
    public Dictionary<byte[], FlowBytes> Take(string name) => Do(() =>
    {
        var sums = new Dictionary<byte[], FlowBytes>(KeyBytes.Comparer);
        var path = Path.Combine(_folder, name);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None, 1 << 16))
        {
            using var reader = new BinaryReader(file);
            while (file.Position < file.Length)
                sums[reader.ReadBytes(reader.ReadUInt16())] = new FlowBytes(reader.ReadInt64(), reader.ReadInt64(), reader.ReadBoolean());
        }
        File.Delete(path);
        return sums;
    });

    public void Remove(string name) => File.Delete(Path.Combine(_folder, name));

    private T Do<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LocalStateException($"The folder {_folder} does not take or give back sums of flows: {e.Message}", e);
        }
    }
}
