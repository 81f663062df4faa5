using System.Buffers.Binary;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>
/// Counts the events of one input partition per GMT hour: clicks, impressions, exact unique users. An id seen before in the hour changes
/// nothing; the first one wins.
/// </summary>
public sealed class HourlyAnalyticsTask(int partition, int partitionCount, int generation, int chunkHashes, UserHasher hasher) : IJobTask
{
    private readonly HourChangelog _changelog = new(generation, chunkHashes);
    private readonly Dictionary<long, HourState> _hours = [];
    private readonly List<HourState> _touched = [];
    private HourState? _latest;
    private KeyedBy _keyedBy;

    /// <summary>Hours in hand, for tests and metrics.</summary>
    public IReadOnlyDictionary<long, HourState> Hours => _hours;

    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers)
    {
        if (!RecordTypes.Is(headers, RecordTypes.StateChunk, out var found))
            throw new InvalidDataException($"The changelog holds a record of type {found}, which this version does not know.");
        _changelog.Read(value, _hours);
    }

    public string? Resume(Progress progress)
    {
        _keyedBy = progress.KeyedBy;
        return progress.KeyFingerprint == hasher.Fingerprint
            ? null
            : $"the hash key changed: every user would count as new; set HashKey:File to the key with fingerprint {progress.KeyFingerprint} "
                + $"(this one has {hasher.Fingerprint}), or rebuild into a new generation";
    }

    public void Describe(Progress progress)
    {
        progress.KeyFingerprint = hasher.Fingerprint;
        progress.KeyedBy = _keyedBy;
    }

    public Outcome Process(in LogRecord record)
    {
        if (!RecordTypes.Is(record.Headers, RecordTypes.AnalyticsEvent, out var found))
            return Outcome.DeadLetter(DeadLetterReasons.UnknownVersion, $"The header {RecordTypes.Header} names {found}, which this version does not read.");
        if (!record.HasValue) return Invalid("The record has no value.");
        if (!EventFields.TryRead(record.Value, out var fields)) return Invalid("The value is no analytics event.");
        if (fields.TimestampMs is < 0 or > Shared.Contracts.Hours.LastTimestampMs) return Invalid($"The timestamp {fields.TimestampMs} is out of range.");
        if (fields.Kind is not ((int)EventKind.Click or (int)EventKind.Impression)) return Invalid("The event is neither click nor impression.");
        if (fields.IdHash.Length is not (0 or UserHasher.HashBytes)) return Invalid($"The id hash has {fields.IdHash.Length} bytes instead of 16.");
        if (fields.UserHash.Length is not (0 or UserHasher.HashBytes)) return Invalid($"The user hash has {fields.UserHash.Length} bytes instead of 16.");

        var keyedBy = fields.UserHash.Length > 0 ? KeyedBy.UserHash : KeyedBy.UserId;
        var keyed = keyedBy == KeyedBy.UserHash ? fields.UserHash : fields.UserId;
        if (keyed.Length == 0) return Invalid("The event has no user.");
        // A user who met another partition would count twice.
        if (!record.Key.SequenceEqual(keyed)) return Invalid("The key is not the user of the event.");
        if (Murmur2.Partition(record.Key, partitionCount) is var home && home != partition)
            return Invalid($"The key belongs to partition {home}: the producer does not partition by murmur2.");
        if (_keyedBy == KeyedBy.Unspecified) _keyedBy = keyedBy;
        if (_keyedBy != keyedBy)
            return Outcome.DeadLetter(DeadLetterReasons.MixedKeying, "The topic is filled with the other kind of user key; one topic is filled one way.");

        var user = keyedBy == KeyedBy.UserHash ? BinaryPrimitives.ReadUInt128LittleEndian(keyed) : hasher.HashUser(keyed);
        return Count(fields, user, record.TimestampMs);
    }

    public void Emit(long nextOffset, IEmit emit)
    {
        foreach (var hour in _touched)
        {
            if (hour.CountsChanged)
                emit.Output(RecordKeys.HourPartial(hour.Hour, partition), Partial(hour, nextOffset).ToByteArray(), RecordTypes.HourPartial);
            _changelog.Write(hour, (key, value) => emit.Changelog(key, value, RecordTypes.StateChunk));
            hour.Touched = hour.CountsChanged = false;
        }
        _touched.Clear();
    }

    private Outcome Count(in EventFields fields, UInt128 user, long appendedMs)
    {
        var hour = Hour(Shared.Contracts.Hours.Of(fields.TimestampMs));
        if (!hour.Touched)
        {
            hour.Touched = true;
            _touched.Add(hour);
        }
        hour.LastEventMs = Math.Max(hour.LastEventMs, appendedMs);
        if (fields.IdHash.Length > 0 && !hour.AddId(BinaryPrimitives.ReadUInt128LittleEndian(fields.IdHash)))
        {
            hour.Duplicates++;
            return Outcome.Duplicate;
        }
        hour.AddUser(user);
        if (fields.Kind == (int)EventKind.Click) hour.Clicks++;
        else hour.Impressions++;
        hour.CountsChanged = true;
        return Outcome.Counted;
    }

    private HourState Hour(long number)
    {
        // Nearly all events are of the hour of the event before.
        if (_latest is { } latest && latest.Hour == number) return latest;
        if (!_hours.TryGetValue(number, out var hour)) _hours.Add(number, hour = new HourState(number));
        return _latest = hour;
    }

    private HourPartial Partial(HourState hour, long nextOffset) => new()
    {
        Hour = hour.Hour,
        Partition = partition,
        Clicks = hour.Clicks,
        Impressions = hour.Impressions,
        UniqueUsers = hour.Users.Count,
        Generation = generation,
        NextOffset = nextOffset,
    };

    private static Outcome Invalid(string message) => Outcome.DeadLetter(DeadLetterReasons.InvalidEvent, message);
}
