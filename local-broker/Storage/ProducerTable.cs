using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>One of a producer's last batches, kept to recognise its repetition.</summary>
internal readonly record struct ProducedBatch(int FirstSequence, int LastSequence, long BaseOffset, long Timestamp);

/// <summary>What a partition remembers of one producer (KIP-98).</summary>
internal sealed class ProducerState(long producerId)
{
    public const int BatchesKept = 5;
    private readonly List<ProducedBatch> _batches = new(BatchesKept);

    public long ProducerId { get; } = producerId;

    public short Epoch { get; set; } = -1;

    /// <summary>First offset of the open transaction, -1 when there is none.</summary>
    public long TransactionFirstOffset { get; set; } = -1;

    /// <summary>When the broker last heard of it, by its own clock: record timestamps may be of any age.</summary>
    public long LastSeen { get; set; }

    /// <summary>Oldest first, at most five: clients may have five requests in flight.</summary>
    public IReadOnlyList<ProducedBatch> Batches => _batches;

    public bool HasOpenTransaction => TransactionFirstOffset >= 0;

    public void StartEpoch(short epoch)
    {
        if (epoch == Epoch)
            return;
        Epoch = epoch;
        _batches.Clear();
    }

    public void Remember(ProducedBatch batch)
    {
        if (_batches.Count == BatchesKept)
            _batches.RemoveAt(0);
        _batches.Add(batch);
    }
}

/// <summary>Outcome of holding a batch against the table: append it, answer as before, or refuse.</summary>
internal readonly record struct ProducerVerdict(ErrorCode Error, ProducedBatch? Duplicate)
{
    public static readonly ProducerVerdict Append = new(ErrorCode.None, null);
}

/// <summary>The producers of one partition. Not thread-safe: check and append happen under the partition's lock.</summary>
internal sealed class ProducerTable
{
    private readonly Dictionary<long, ProducerState> _producers = [];
    private readonly SortedSet<long> _open = [];

    public IReadOnlyCollection<ProducerState> All => _producers.Values;

    public ProducerState? Find(long producerId) => _producers.GetValueOrDefault(producerId);

    public ProducerState GetOrAdd(long producerId)
    {
        if (!_producers.TryGetValue(producerId, out ProducerState? state))
            _producers.Add(producerId, state = new ProducerState(producerId));
        return state;
    }

    public void Add(ProducerState state)
    {
        _producers[state.ProducerId] = state;
        if (state.HasOpenTransaction)
            _open.Add(state.TransactionFirstOffset);
    }

    public void Clear()
    {
        _producers.Clear();
        _open.Clear();
    }

    public ProducerVerdict Check(in BatchHeader batch)
    {
        // An id never seen here is accepted with any sequence: retention may have removed its data.
        if (!_producers.TryGetValue(batch.ProducerId, out ProducerState? state))
            return ProducerVerdict.Append;
        if (batch.ProducerEpoch < state.Epoch)
            return new ProducerVerdict(ErrorCode.InvalidProducerEpoch, null);
        if (state.HasOpenTransaction && !batch.IsTransactional)
            return new ProducerVerdict(ErrorCode.InvalidTxnState, null);
        if (batch.ProducerEpoch > state.Epoch)
            return batch.BaseSequence == 0 ? ProducerVerdict.Append : new ProducerVerdict(ErrorCode.OutOfOrderSequenceNumber, null);
        foreach (ProducedBatch known in state.Batches)
        {
            if (known.FirstSequence == batch.BaseSequence && known.LastSequence == batch.LastSequence)
                return new ProducerVerdict(ErrorCode.None, known);
        }

        return Follows(state, batch) ? ProducerVerdict.Append : new ProducerVerdict(ErrorCode.OutOfOrderSequenceNumber, null);
    }

    /// <summary>Takes note of an appended batch of records.</summary>
    public void Appended(in BatchHeader batch, long now)
    {
        ProducerState state = GetOrAdd(batch.ProducerId);
        state.StartEpoch(batch.ProducerEpoch);
        state.LastSeen = now;
        state.Remember(new ProducedBatch(batch.BaseSequence, batch.LastSequence, batch.BaseOffset, batch.MaxTimestamp));
        if (!batch.IsTransactional || state.HasOpenTransaction)
            return;
        state.TransactionFirstOffset = batch.BaseOffset;
        _open.Add(batch.BaseOffset);
    }

    /// <summary>Takes note of a marker; returns the first offset of the transaction it ends, -1 when nothing was open.</summary>
    public long Ended(in BatchHeader marker, long now)
    {
        ProducerState state = GetOrAdd(marker.ProducerId);
        long first = state.TransactionFirstOffset;
        state.StartEpoch(Math.Max(state.Epoch, marker.ProducerEpoch));
        state.TransactionFirstOffset = -1;
        state.LastSeen = now;
        _open.Remove(first);
        return first;
    }

    /// <summary>First offset of the oldest open transaction, or <see cref="long.MaxValue"/>.</summary>
    public long OldestOpenOffset() => _open.Count == 0 ? long.MaxValue : _open.Min;

    /// <summary>Forgets producers idle since <paramref name="before"/>; never one with an open transaction.</summary>
    public int ForgetIdle(long before)
    {
        List<long> idle = [.. _producers.Values.Where(p => !p.HasOpenTransaction && p.LastSeen < before).Select(p => p.ProducerId)];
        foreach (long id in idle)
            _producers.Remove(id);
        return idle.Count;
    }

    private static bool Follows(ProducerState state, in BatchHeader batch)
    {
        if (state.Batches.Count == 0)
            return batch.BaseSequence == 0;
        int last = state.Batches[^1].LastSequence;
        return batch.BaseSequence == (last == int.MaxValue ? 0 : last + 1);
    }
}
