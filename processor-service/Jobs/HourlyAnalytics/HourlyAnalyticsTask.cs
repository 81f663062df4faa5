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
public sealed class HourlyAnalyticsTask : IJobTask
{
    /// <summary>While restoring, so many hashes are looked up on disk at a time.</summary>
    private const int UnsettledMax = 1 << 16;

    private readonly int _partition;
    private readonly int _partitionCount;
    private readonly int _generation;
    private readonly UserHasher _hasher;
    private readonly StateStore? _store;
    private readonly LocalHours? _local;
    private readonly PartitionHours? _memory;
    private readonly HourChangelog _changelog;
    private readonly HourRetention _retention;
    private readonly SketchSender? _sketches;
    private readonly List<HourState> _touched = [];
    private readonly List<Deferred> _deferred = [];
    private HourState? _latest;
    private KeyedBy _keyedBy;
    private long _late;
    private long _rebuiltFromHour;
    private long _keptBelow;

    public HourlyAnalyticsTask(
        int partition, int partitionCount, int generation, int chunkHashes, UserHasher hasher, StateStore? store = null, TimeSpan? retention = null,
        TimeProvider? clock = null, SketchSender? sketches = null)
    {
        _sketches = sketches;
        (_partition, _partitionCount, _generation, _hasher, _store) = (partition, partitionCount, generation, hasher, store);
        _changelog = new HourChangelog(generation, chunkHashes);
        _retention = new HourRetention(generation, retention, clock ?? TimeProvider.System);
        _local = store?.Open("hourly-analytics", partition);
        _memory = store is null ? new PartitionHours() : null;
    }

    /// <summary>Counter in progress and metrics: events of an hour before the one in which they were appended.</summary>
    public const string LateCounter = "late";

    public ILocalState? Local => _local;

    private PartitionHours Hours => _memory ?? _local!.Hours;

    public void Restore(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Headers? headers)
    {
        if (RecordKeys.IsHoursDropped(key))
        {
            if (!RecordTypes.Is(headers, RecordTypes.HoursDropped, out var unknown)) throw Unknown(unknown);
            _retention.Read(value, Hours);
            return;
        }
        // A tombstone: the record of dropped hours beside it says the same for good.
        if (value.Length == 0) return;
        if (!RecordTypes.Is(headers, RecordTypes.StateChunk, out var found)) throw Unknown(found);
        _changelog.Read(value, Hours);
        if (Hours.UnsettledCount >= UnsettledMax) Settle(restoring: true);
        _store?.Relieve();
    }

    public string? Resume(Progress progress)
    {
        Settle(restoring: true);
        _retention.Resume(progress.LastAppendMs);
        _keyedBy = progress.KeyedBy;
        (_rebuiltFromHour, _keptBelow) = (progress.RebuiltFromHour, progress.KeptBelowOffset);
        // Readers of the new generation are told the kept hours with its first commit, or again with the next.
        if (progress.NextOffset < _keptBelow)
            foreach (var hour in Hours.All.Values.Where(hour => hour.Hour < _rebuiltFromHour && !hour.Touched)) Touch(hour).CountsChanged = true;
        foreach (var hour in Hours.All.Values) _sketches?.Note(hour);
        _late = progress.Counters.TryGetValue(LateCounter, out var late) ? late : 0;
        if (Hours.Incomplete.Count > 0 || Hours.All.Count < progress.StateHours)
            return LostState.Sentence(Hours.All.Count - Hours.Incomplete.Count, Math.Max(progress.StateHours, Hours.All.Count));
        return progress.KeyFingerprint == _hasher.Fingerprint
            ? null
            : $"the hash key changed: every user would count as new; set HashKey:File to the key with fingerprint {progress.KeyFingerprint} "
                + $"(this one has {_hasher.Fingerprint}), or rebuild into a new generation";
    }

    public void Describe(Progress progress)
    {
        progress.KeyFingerprint = _hasher.Fingerprint;
        progress.KeyedBy = _keyedBy;
        progress.StateHours = Hours.All.Count;
        (progress.RebuiltFromHour, progress.KeptBelowOffset) = (_rebuiltFromHour, _keptBelow);
        if (_late > 0) progress.Counters[LateCounter] = _late;
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
        if (Murmur2.Partition(record.Key, _partitionCount) is var home && home != _partition)
            return Invalid($"The key belongs to partition {home}: the producer does not partition by murmur2.");
        if (_keyedBy == KeyedBy.Unspecified) _keyedBy = keyedBy;
        if (_keyedBy != keyedBy)
            return Outcome.DeadLetter(DeadLetterReasons.MixedKeying, "The topic is filled with the other kind of user key; one topic is filled one way.");

        var user = keyedBy == KeyedBy.UserHash ? BinaryPrimitives.ReadUInt128LittleEndian(keyed) : _hasher.HashUser(keyed);
        // Counted by the generation before, whose numbers the hour keeps.
        if (record.Offset < _keptBelow && Shared.Contracts.Hours.Of(fields.TimestampMs) < _rebuiltFromHour) return Outcome.Counted;
        return Count(fields, user, record.TimestampMs);
    }

    public Settled Settle()
    {
        if (_deferred.Count == 0 && !Hours.HasUnsettled) return default;
        return Settle(restoring: false);
    }

    public void Emit(long nextOffset, IEmit emit)
    {
        SendSketches(nextOffset, emit);
        foreach (var hour in _touched)
        {
            if (hour.CountsChanged)
                emit.Output(RecordKeys.HourPartial(hour.Hour, _partition), Partial(hour, nextOffset).ToByteArray(), RecordTypes.HourPartial);
            _changelog.Write(hour, (key, value) => emit.Changelog(key, value, RecordTypes.StateChunk));
            hour.Touched = hour.CountsChanged = false;
        }
        _touched.Clear();
        if (_retention.DropExpired(Hours, emit)) _latest = null;
        _store?.CollectYoung();
    }

    public void Dispose()
    {
        _memory?.Dispose();
        _local?.Dispose();
    }

    private Outcome Count(in EventFields fields, UInt128 user, long timestampMs)
    {
        var number = Shared.Contracts.Hours.Of(fields.TimestampMs);
        var arrivedMs = _retention.Saw(timestampMs);
        if (number < Shared.Contracts.Hours.Of(arrivedMs)) _late++;
        if (Hours.Dropped.Contains(number))
            return Outcome.DeadLetter(
                DeadLetterReasons.HourExpired, "The state of the event's hour was dropped (State:Retention): whether it counts can no longer be told.");
        var hour = Hour(number);
        if (!hour.Touched) Touch(hour);
        hour.Heat++;
        hour.LastEventMs = Math.Max(hour.LastEventMs, arrivedMs);
        var outcome = Count(hour, fields, user);
        if (_store is { Budget: { IsExceeded: true } or { IsPressed: true } }) _store.Relieve();
        return outcome;
    }

    private Outcome Count(HourState hour, in EventFields fields, UInt128 user)
    {
        if (fields.IdHash.Length > 0)
        {
            var id = BinaryPrimitives.ReadUInt128LittleEndian(fields.IdHash);
            switch (Hours.AddId(hour, id))
            {
                case Seen.Unsettled:
                    _deferred.Add(new Deferred(hour, id, user, fields.Kind));
                    return Outcome.Deferred;
                case Seen.Known:
                // Whatever becomes of the first with this id, it is not this one that counts.
                case Seen.UnsettledBefore:
                    hour.Duplicates++;
                    return Outcome.Duplicate;
            }
        }
        Count(hour, fields.Kind, user);
        return Outcome.Counted;
    }

    private void Count(HourState hour, int kind, UInt128 user)
    {
        Hours.AddUser(hour, user);
        if (kind == (int)EventKind.Click) hour.Clicks++;
        else hour.Impressions++;
        hour.CountsChanged = true;
    }

    /// <summary>Looks up on disk what the filters could not tell: ids first, then users, those of events among them whose id proved new.</summary>
    private Settled Settle(bool restoring)
    {
        var settled = default(Settled);
        void Look()
        {
            Hours.SettleIds(restoring);
            var counted = 0;
            foreach (var (hour, id, user, kind) in _deferred)
            {
                // It was not in memory when it came, so now it is there only if it was nowhere else.
                if (hour.Ids.Contains(id))
                {
                    Count(hour, kind, user);
                    counted++;
                }
                else
                {
                    hour.Duplicates++;
                }
            }
            settled = new Settled(counted, _deferred.Count - counted);
            _deferred.Clear();
            Hours.SettleUsers(restoring);
            Hours.Settled();
        }
        if (_local is null) Look();
        else _local.Guard(Look);
        return settled;
    }

    /// <summary>Before the changelog is written, which remembers what was sent.</summary>
    private void SendSketches(long nextOffset, IEmit emit)
    {
        if (_sketches is null) return;
        foreach (var hour in _touched) _sketches.Note(hour);
        while (_sketches.TryTake(out var hour))
        {
            // Its state was dropped meanwhile.
            if (!Hours.All.ContainsKey(hour.Hour)) continue;
            if (_local is null) _sketches.Send(hour, nextOffset, emit);
            else _local.Guard(() => _sketches.Send(hour, nextOffset, emit));
            if (!hour.Touched) Touch(hour);
        }
    }

    private HourState Touch(HourState hour)
    {
        hour.Touched = true;
        _touched.Add(hour);
        return hour;
    }

    private HourState Hour(long number)
    {
        // Nearly all events are of the hour of the event before.
        if (_latest is { } latest && latest.Hour == number) return latest;
        return _latest = Hours.Get(number);
    }

    private HourPartial Partial(HourState hour, long nextOffset) => new()
    {
        Hour = hour.Hour,
        Partition = _partition,
        Clicks = hour.Clicks,
        Impressions = hour.Impressions,
        UniqueUsers = hour.Users.Count,
        Generation = _generation,
        NextOffset = nextOffset,
    };

    private static InvalidDataException Unknown(string? type) => new($"The changelog holds a record of type {type}, which this version does not know.");

    private static Outcome Invalid(string message) => Outcome.DeadLetter(DeadLetterReasons.InvalidEvent, message);

    /// <summary>An event whose id may rest on disk.</summary>
    private readonly record struct Deferred(HourState Hour, UInt128 Id, UInt128 User, int Kind);
}
