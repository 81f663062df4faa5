using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Records of frames that are held aside, whole, since they may become dead letters. They are in the changelog while they wait, so that a
/// kill between reading and deciding loses none.
/// </summary>
public sealed class HeldRecords(int generation)
{
    private readonly SortedDictionary<long, FrameHeld> _records = [];
    private readonly HashSet<long> _unwritten = [];
    private readonly List<long> _over = [];

    public IEnumerable<FrameHeld> All => _records.Values;

    public void Add(in LogRecord record, HeldFrame frame)
    {
        var held = new FrameHeld
        {
            Generation = generation,
            Offset = frame.Offset,
            Seconds = frame.Seconds,
            User = ByteString.CopyFrom(BitConverter.GetBytes(frame.User)),
            AppendedAt = frame.AppendedAt,
            TakenBefore = frame.TakenBefore,
            HasKey = record.HasKey,
            Key = ByteString.CopyFrom(record.Key),
            Value = ByteString.CopyFrom(record.Value),
        };
        foreach (var header in record.Headers ?? []) held.Headers.Add(new FrameHeader { Name = header.Key, Value = ByteString.CopyFrom(header.GetValueBytes() ?? []) });
        _records.Add(frame.Offset, held);
        _unwritten.Add(frame.Offset);
    }

    /// <summary>Its fate is decided.</summary>
    public DeferredLetter Take(long offset, Outcome outcome)
    {
        _records.Remove(offset, out var held);
        if (!_unwritten.Remove(offset)) _over.Add(offset);
        var headers = new Headers();
        foreach (var header in held!.Headers) headers.Add(header.Name, header.Value.ToByteArray());
        return new DeferredLetter(offset, held.HasKey ? held.Key.ToByteArray() : null, held.Value.ToByteArray(), headers, outcome);
    }

    public void Write(IEmit emit)
    {
        foreach (var offset in _unwritten) emit.Changelog(RecordKeys.FrameHeld(offset), _records[offset].ToByteArray(), RecordTypes.FrameHeld);
        foreach (var offset in _over) emit.ChangelogTombstone(RecordKeys.FrameHeld(offset));
        _unwritten.Clear();
        _over.Clear();
    }

    /// <param name="key">Its key in the changelog.</param>
    /// <param name="value">Empty for one that is over.</param>
    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (value.Length > 0)
        {
            var held = FrameHeld.Parser.ParseFrom(value);
            if (held.Generation == generation) _records[held.Offset] = held;
        }
        else if (System.Buffers.Text.Utf8Parser.TryParse(key["held|".Length..], out long offset, out _))
        {
            _records.Remove(offset);
        }
    }

    public static HeldFrame Frame(FrameHeld held) => new(held.Seconds, BitConverter.ToUInt128(held.User.Span), held.Offset, held.AppendedAt, held.TakenBefore);
}
