using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.State;

/// <summary>
/// Drops the state of hours that had no event for long, by the time at which events arrived: tombstones for its chunks, and a record that
/// keeps it known as dropped. Both stand in the same transaction as everything else.
/// </summary>
public sealed class HourRetention(int generation, TimeSpan? retention, TimeProvider clock)
{
    /// <summary>Most tombstones of one commit, about; the rest comes with the next.</summary>
    private const int TombstonesMax = 10_000;

    private static readonly long ScanEveryMs = (long)TimeSpan.FromMinutes(1).TotalMilliseconds;

    private long _nowMs;
    private long _newestMs;
    private long _scanAtMs;

    /// <summary>Takes note of an event.</summary>
    /// <param name="timestampMs">Of its record, Unix time in ms: its producer's clock, which may run ahead or say nothing (-1). Ours bounds it, or one
    /// such record would drop every hour.</param>
    /// <returns>When it arrived.</returns>
    public long Saw(long timestampMs)
    {
        if (timestampMs < 0 || timestampMs > _nowMs) _nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var arrivedMs = timestampMs < 0 ? _nowMs : Math.Min(timestampMs, _nowMs);
        _newestMs = Math.Max(_newestMs, arrivedMs);
        return arrivedMs;
    }

    public void Resume(long lastAppendMs) => Saw(lastAppendMs);

    /// <summary>Takes a record of dropped hours.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public void Read(ReadOnlySpan<byte> value, PartitionHours hours)
    {
        HoursDropped page;
        try
        {
            page = HoursDropped.Parser.ParseFrom(value);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException("A changelog record of dropped hours cannot be read.", e);
        }
        if (page.Generation == generation) hours.Drop(hours.Dropped.Add(page.FirstHour, page.Bits.Span));
    }

    /// <returns>Whether hours were dropped.</returns>
    public bool DropExpired(PartitionHours hours, IEmit emit)
    {
        if (retention is not { } kept || _newestMs < _scanAtMs) return false;
        var keptFrom = _newestMs - (long)kept.TotalMilliseconds;
        var dropped = new List<long>();
        var tombstones = 0;
        foreach (var hour in hours.All.Values.Where(hour => hour.LastEventMs < keptFrom))
        {
            if (tombstones > TombstonesMax) break;
            for (var chunk = 0; chunk <= hour.OpenChunk; chunk++, tombstones++) emit.ChangelogTombstone(RecordKeys.StateChunk(hour.Hour, chunk));
            dropped.Add(hour.Hour);
        }
        if (tombstones <= TombstonesMax) _scanAtMs = _newestMs + ScanEveryMs;
        foreach (var first in dropped.Select(hours.Dropped.Add).Distinct().ToList())
        {
            var page = new HoursDropped { FirstHour = first, Generation = generation, Bits = ByteString.CopyFrom(hours.Dropped.Page(first)) };
            emit.Changelog(RecordKeys.HoursDropped(first), page.ToByteArray(), RecordTypes.HoursDropped);
        }
        hours.Drop(dropped);
        return dropped.Count > 0;
    }
}
