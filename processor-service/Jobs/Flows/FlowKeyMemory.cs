using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>
/// Idempotency-Keys of the arrays of one partition, by the hour in which they arrived, each remembered for at least the given time. Forgetting is by
/// whole hours, so a key may be known up to an hour longer.
/// </summary>
public sealed class FlowKeyMemory(int generation, TimeSpan remember, TimeProvider clock) : IDisposable
{
    /// <summary>Keys of a full chunk.</summary>
    public const int ChunkKeys = 256;

    private readonly SortedDictionary<long, Bucket> _buckets = [];
    private readonly long _rememberMs = (long)remember.TotalMilliseconds;
    private long _nowMs;
    private long _newestMs;

    /// <summary>Keys known.</summary>
    public long Count => _buckets.Values.Sum(b => (long)b.Keys.Count);

    public static UInt128 Hash(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    /// <summary>Takes note of a record's time (Unix ms): its producer's clock, which may run ahead or say nothing (-1). Ours bounds it.</summary>
    public void Saw(long timestampMs)
    {
        if (timestampMs < 0 || timestampMs > _nowMs) _nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        _newestMs = Math.Max(_newestMs, timestampMs < 0 ? _nowMs : Math.Min(timestampMs, _nowMs));
    }

    public bool Knows(UInt128 key)
    {
        foreach (var (hour, bucket) in _buckets)
            if (!IsOver(hour) && bucket.Keys.Contains(key)) return true;
        return false;
    }

    /// <summary>Remembers a key from the time seen last on.</summary>
    /// <param name="key">Its <see cref="Hash"/>.</param>
    /// <param name="offset">Of the array that brought it.</param>
    public void Add(UInt128 key, long offset)
    {
        var hour = Hours.Of(_newestMs);
        if (!_buckets.TryGetValue(hour, out var bucket)) _buckets.Add(hour, bucket = new Bucket());
        if (bucket.Keys.Add(key)) bucket.Fresh.Add((key, offset));
    }

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public void Restore(FlowKeys chunk)
    {
        if (chunk.Generation != generation) return;
        Check(chunk);
        if (!_buckets.TryGetValue(chunk.Hour, out var bucket)) _buckets.Add(chunk.Hour, bucket = new Bucket());
        bucket.Restore(chunk.Chunk, Of(chunk), chunk.Offsets);
        _newestMs = Math.Max(_newestMs, Hours.StartMs(chunk.Hour));
    }

    /// <summary>The keys of a chunk.</summary>
    public static ReadOnlySpan<UInt128> Of(FlowKeys chunk) => MemoryMarshal.Cast<byte, UInt128>(chunk.Keys.Span);

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static void Check(FlowKeys chunk)
    {
        if (chunk.Keys.Length % 16 != 0 || chunk.Keys.Length > ChunkKeys * 16 || chunk.Offsets.Count > chunk.Keys.Length / 16 || chunk.Chunk < 0 || chunk.Hour < 0)
            throw new InvalidDataException("A record of idempotency keys cannot be read.");
    }

    /// <summary>A chunk as it is stored.</summary>
    /// <param name="hour">In which its keys arrived.</param>
    /// <param name="chunk">Its number.</param>
    /// <param name="generation">Of the counting.</param>
    /// <param name="keys">At most <see cref="ChunkKeys"/>.</param>
    /// <param name="offsets">Of the last so many of them.</param>
    public static FlowKeys Record(long hour, int chunk, int generation, ReadOnlySpan<UInt128> keys, IEnumerable<long> offsets) => new()
    {
        Hour = hour,
        Chunk = chunk,
        Generation = generation,
        Keys = ByteString.CopyFrom(MemoryMarshal.AsBytes(keys)),
        Offsets = { offsets },
    };

    /// <summary>Hands out the chunks that changed and the tombstones of those forgotten.</summary>
    public void Emit(IEmit emit)
    {
        foreach (var (hour, bucket) in _buckets) bucket.Emit((chunk, keys, offsets) =>
            emit.Changelog(RecordKeys.FlowKeys(hour, chunk), Record(hour, chunk, generation, keys, offsets).ToByteArray(), RecordTypes.FlowKeys));
        while (_buckets.Count > 0)
        {
            var (hour, bucket) = _buckets.First();
            if (!IsOver(hour)) break;
            for (var chunk = 0; chunk <= bucket.OpenChunk; chunk++) emit.ChangelogTombstone(RecordKeys.FlowKeys(hour, chunk));
            bucket.Keys.Dispose();
            _buckets.Remove(hour);
        }
    }

    public void Dispose()
    {
        foreach (var bucket in _buckets.Values) bucket.Keys.Dispose();
    }

    /// <summary>Told by the time of arrival alone: so a backlog counts as it did when it came, however much of it one commit takes.</summary>
    private bool IsOver(long hour) => Hours.StartMs(hour + 1) <= _newestMs - _rememberMs;

    private sealed class Bucket
    {
        private readonly List<UInt128> _open = [];
        private readonly List<long> _offsets = [];

        public DistinctSet Keys { get; } = new();

        /// <summary>Not handed out yet.</summary>
        public List<(UInt128 Key, long Offset)> Fresh { get; } = [];

        public int OpenChunk { get; private set; }

        public void Restore(int chunk, ReadOnlySpan<UInt128> keys, IEnumerable<long> offsets)
        {
            foreach (var key in keys) Keys.Add(key);
            if (chunk < OpenChunk) return;
            OpenChunk = chunk;
            _open.Clear();
            _open.AddRange(keys);
            _offsets.Clear();
            _offsets.AddRange(offsets);
        }

        public void Emit(ChunkTaker take)
        {
            if (Fresh.Count == 0) return;
            foreach (var (key, offset) in Fresh)
            {
                if (_open.Count == ChunkKeys)
                {
                    take(OpenChunk++, CollectionsMarshal.AsSpan(_open), _offsets);
                    _open.Clear();
                    _offsets.Clear();
                }
                _open.Add(key);
                _offsets.Add(offset);
            }
            take(OpenChunk, CollectionsMarshal.AsSpan(_open), _offsets);
            Fresh.Clear();
        }
    }

    private delegate void ChunkTaker(int chunk, ReadOnlySpan<UInt128> keys, IReadOnlyList<long> offsets);
}
