using System.Runtime.InteropServices;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>
/// The sums of one hour and input partition. Those used longest ago rest in a file; what comes of the changelog meanwhile is newer than what
/// the file says and is appended to it.
/// </summary>
/// <param name="memory">Shared by all hours.</param>
/// <param name="firstOffset">Offset of the first array that counts in it; null where it is not known.</param>
public sealed class FlowHour(FlowMemory memory, long? firstOffset) : IDisposable
{
    /// <summary>What the dictionary and the key's array take beside its bytes, about.</summary>
    private const int BytesEach = 120;

    private Dictionary<byte[], FlowBytes> _sums = new(KeyBytes.Comparer);
    private string? _file;

    /// <summary>Offset of the first array that counted in it; null where it is not known.</summary>
    public long? FirstOffset { get; private set; } = firstOffset;

    /// <summary>Memory it takes, about.</summary>
    public long Bytes { get; private set; }

    /// <summary>Order of use.</summary>
    public long LastUse { get; private set; }

    /// <summary>Something in it was not handed out yet: it has to stay.</summary>
    public bool Touched { get; set; }

    /// <summary>What one of its sums says of its first offset: where one does not know, none does.</summary>
    public void Heard(long? firstOffset)
    {
        if (firstOffset is null || firstOffset < FirstOffset) FirstOffset = firstOffset;
    }

    /// <summary>The sum of a key, made where it is not there; holds until the next is made.</summary>
    public ref FlowBytes At(ReadOnlySpan<byte> key)
    {
        LastUse = memory.NextUse();
        ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums.GetAlternateLookup<ReadOnlySpan<byte>>(), key, out var exists);
        if (!exists) Take(BytesEach + key.Length);
        return ref sum;
    }

    /// <summary>The array in which a key that is there is kept.</summary>
    public byte[] Stored(ReadOnlySpan<byte> key)
    {
        _sums.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var stored, out _);
        return stored!;
    }

    /// <summary>Moves the sums to disk.</summary>
    public void Leave()
    {
        memory.Files.Append(_file ??= memory.Files.NewName(), _sums);
        _sums = new(KeyBytes.Comparer);
        Take(-Bytes);
    }

    /// <summary>Brings back what is on disk.</summary>
    public void Return()
    {
        if (_file is null) return;
        var newer = _sums;
        _sums = memory.Files.Take(_file);
        _file = null;
        foreach (var (key, sum) in newer) _sums[key] = sum;
        Take(_sums.Keys.Sum(key => (long)BytesEach + key.Length) - Bytes);
    }

    public void Dispose()
    {
        if (_file is not null) memory.Files.Remove(_file);
        Take(-Bytes);
    }

    private void Take(long bytes)
    {
        Bytes += bytes;
        memory.Used += bytes;
    }
}
