namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>How far event time has come over all partitions: the least of those that have more to read.</summary>
public sealed class PartitionTimes(int partitions)
{
    private readonly long?[] _clocks = new long?[partitions];
    private readonly bool[] _atEnd = new bool[partitions];

    /// <param name="partition">Whose.</param>
    /// <param name="clock">Its event clock; null before its first frame.</param>
    /// <returns>Whether that changed anything.</returns>
    public bool Read(int partition, long? clock)
    {
        if (_clocks[partition] == clock && !_atEnd[partition]) return false;
        _clocks[partition] = clock;
        _atEnd[partition] = false;
        return true;
    }

    public void ReachedEnd(int partition) => _atEnd[partition] = true;

    public bool IsAtRest => Array.TrueForAll(_atEnd, atEnd => atEnd);

    /// <param name="idleSeconds">Seconds since the last frame; they pass in event time too where nothing more is to be read anywhere.</param>
    /// <returns>Unix seconds, 0 while it cannot be told.</returns>
    public long Watermark(long idleSeconds)
    {
        if (IsAtRest) return _clocks.Max() is { } latest ? latest + idleSeconds : 0;
        var least = long.MaxValue;
        for (var partition = 0; partition < partitions; partition++)
            if (!_atEnd[partition]) least = Math.Min(least, _clocks[partition] ?? 0);
        return least;
    }
}
