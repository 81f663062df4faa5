namespace Tally.LocalBroker.Storage.Cleaning;

/// <summary>Tells whether a batch belongs to an aborted transaction.</summary>
internal sealed class AbortedLookup
{
    private readonly Dictionary<long, List<AbortedRange>> _byProducer = [];

    public AbortedLookup(IEnumerable<AbortedRange> aborted)
    {
        foreach (AbortedRange range in aborted)
        {
            if (!_byProducer.TryGetValue(range.ProducerId, out List<AbortedRange>? ranges))
                _byProducer.Add(range.ProducerId, ranges = []);
            ranges.Add(range);
        }
    }

    public bool IsAborted(in BatchHeader batch)
    {
        if (!batch.IsTransactional || batch.IsControl || !_byProducer.TryGetValue(batch.ProducerId, out List<AbortedRange>? ranges))
            return false;
        foreach (AbortedRange range in ranges)
        {
            if (batch.BaseOffset >= range.FirstOffset && batch.BaseOffset < range.MarkerOffset)
                return true;
        }

        return false;
    }
}
