namespace Tally.ProcessorService.State.Runs;

/// <summary>Finds which of many sorted hashes of one set a run holds, going through it once from front to back.</summary>
public sealed class RunSearch
{
    private const int AheadBlocks = 32;

    private readonly UInt128[] _buffer = new UInt128[AheadBlocks * RunFormat.BlockHashes];

    /// <summary>Blocks read since it was made.</summary>
    public long BlocksRead { get; private set; }

    /// <param name="run">Where to look.</param>
    /// <param name="set">Whose hashes.</param>
    /// <param name="hashes">Ascending.</param>
    /// <param name="found">Set to true where the run holds the hash; others are left.</param>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public void Find(Run run, long set, ReadOnlySpan<UInt128> hashes, Span<bool> found)
    {
        var (from, to) = run.Index.Range(set);
        if (from == to) return;
        // Where nearly every block is wanted, they are read many at a time.
        var ahead = Math.Clamp(4 * hashes.Length / (RunFormat.Blocks(to - from) + 1), 1, AheadBlocks);
        var held = default(Span<UInt128>);
        var (heldFrom, heldTo) = (0, 0);
        for (var i = 0; i < hashes.Length; i++)
        {
            if (found[i] || !run.MayContain(set, hashes[i])) continue;
            var block = run.Index.BlockOf(hashes[i], from, to);
            if (block < heldFrom || block >= heldTo)
            {
                ahead = Math.Min(ahead, ((to - 1) / RunFormat.BlockHashes) - block + 1);
                held = run.ReadBlocks(block, _buffer.AsSpan(0, ahead * RunFormat.BlockHashes));
                (heldFrom, heldTo) = (block, block + ahead);
                BlocksRead += ahead;
            }
            // Only what belongs to the set: its first and last block may be shared.
            var first = Math.Max(from, block * RunFormat.BlockHashes);
            var last = Math.Min(to, (block + 1) * RunFormat.BlockHashes);
            found[i] = held[(first - (heldFrom * RunFormat.BlockHashes))..(last - (heldFrom * RunFormat.BlockHashes))].BinarySearch(hashes[i]) >= 0;
        }
    }
}
