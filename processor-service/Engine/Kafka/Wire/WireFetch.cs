using System.Net.Sockets;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>
/// Committed records of partitions of a topic, fetched from their leaders on the reader's own thread. While one answer is read the next is already asked for, so that brokers
/// and reader work side by side.
/// </summary>
/// <param name="settings">How it asks.</param>
/// <param name="topic">The one it reads.</param>
/// <param name="isChecked">The topic is not compacted, and whether it is still the same log is looked at whenever a leader or the reader was away.</param>
/// <param name="logger">Hears of outages.</param>
internal sealed partial class WireFetch(FetchSettings settings, string topic, bool isChecked, ILogger logger) : IRecordFetch
{
    /// <summary>
    /// While an answer is read, what has come of the next is taken from the socket after this many bytes: a kernel holds a few hundred kilobytes of it, and the broker waits with
    /// the rest.
    /// </summary>
    private const int BytesBetweenLooks = 64 << 10;

    /// <summary>Answers in a row that cannot be read: then the session says so.</summary>
    private const int DamagedMax = 5;

    /// <summary>An answer of one large record is not kept for the next ones.</summary>
    private const int KeptBytesMax = 4 << 20;

    private readonly LeaderLookup _lookup = new(settings, topic);
    private readonly List<LeaderConnection> _leaders = [];
    private readonly List<FetchedPartition> _partitions = [];
    private readonly FetchedAnswer _answer = new();
    private readonly List<FetchAnswerReader.Head> _heads = [];
    private readonly List<Socket> _readable = [];
    private readonly List<Socket> _writable = [];
    private readonly ManualResetEvent _never = new(false);
    private byte[] _spare = [];
    private int _lookAt;
    private string? _unreadable;
    private bool _toldFault;
    private int _turn;
    private int _damaged;

    /// <inheritdoc/>
    public string? Refusal { get; private set; }

    /// <summary>What it reads, and the first offsets that were not handed out.</summary>
    public IReadOnlyList<PartitionOffset> Positions => [.. _partitions.Select(partition => new PartitionOffset(partition.Number, partition.Position))];

    /// <summary>Reads these from now on, and no others.</summary>
    public void Assign(IEnumerable<PartitionOffset> from)
    {
        _partitions.Clear();
        foreach (var at in from)
        {
            var partition = new FetchedPartition(at.Partition, at.Offset, isChecked);
            partition.Follow(KnownLeader(at.Partition));
            _partitions.Add(partition);
        }
        _spare = _answer.Begin(_spare);
    }

    /// <summary>Where there is no connection to the leader yet, it is asked for.</summary>
    private int? KnownLeader(int partition) => _leaders.Exists(leader => leader.Number == _lookup.Leader(partition)) ? _lookup.Leader(partition) : null;

    /// <summary>End of the partition as the last answer told it, or null before the first.</summary>
    public long? LastKnownEnd(int partition) => _partitions.Find(p => p.Number == partition)?.End;

    /// <inheritdoc/>
    public bool TryNext(out LogRecord record)
    {
        if (_answer.Position >= _lookAt) ReceiveAhead();
        try
        {
            return _answer.TryNext(out record);
        }
        catch (DamagedAnswerException e)
        {
            throw new CorruptedException($"Fetching {topic}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public bool TryFill(TimeSpan wait)
    {
        // What came beside it was handed out.
        Refusal ??= _unreadable;
        var now = Environment.TickCount64;
        var until = now + (long)Math.Ceiling(wait.TotalMilliseconds);
        while (true)
        {
            if (Refusal is not null) return false;
            if (TryAdvance(now)) return true;
            // That nothing came has to hold for now, and not for when a question was asked before the reader was away for a while.
            var holds = Math.Max(until, _leaders.Count == 0 ? 0 : _leaders.Max(leader => leader.UpToDateAtMs));
            if (now >= holds) return false;
            WaitForSockets((int)(holds - now));
            now = Environment.TickCount64;
        }
    }

    public void Dispose()
    {
        _lookup.Dispose();
        foreach (var leader in _leaders) leader.Dispose();
        _leaders.Clear();
        _never.Dispose();
    }

    private bool TryAdvance(long now)
    {
        FindLeaders(now);
        // None waits for those before it.
        for (var i = 0; i < _leaders.Count; i++)
        {
            var leader = _leaders[(_turn + i) % _leaders.Count];
            try
            {
                if (!TryAdvance(leader, now)) continue;
                _turn = (_turn + i + 1) % _leaders.Count;
                _lookAt = BytesBetweenLooks;
                return true;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                GiveUp(leader, e, now);
            }
        }
        return false;
    }

    private void ReceiveAhead()
    {
        _lookAt = _answer.Position + BytesBetweenLooks;
        foreach (var leader in _leaders)
        {
            if (leader.Connection is null) continue;
            var now = Environment.TickCount64;
            try
            {
                leader.TryAdvance(now);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                GiveUp(leader, e, now);
            }
        }
    }

    private void GiveUp(LeaderConnection leader, Exception fault, long now)
    {
        if (fault is DamagedAnswerException && ++_damaged == DamagedMax) throw new CorruptedException($"Fetching {topic} from {leader.Endpoint}: {fault.Message}", fault);
        leader.Dispose();
        if (leader.Endpoint.Failed(now)) Tell($"{leader.Endpoint}: {fault.Message}");
        // It may be gone for good, and its partitions be elsewhere.
        foreach (var partition in _partitions)
            if (partition.Leader == leader.Number) partition.ForgetLeader(now);
    }

    private bool TryAdvance(LeaderConnection leader, long now)
    {
        var any = leader.TryAdvance(now) && Read(leader, now);
        if (_unreadable is not null || leader.Connection is not { IsFree: true }) return any;
        try
        {
            Ask(leader, now);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // What was read is handed out all the same.
            GiveUp(leader, e, now);
        }
        return any;
    }

    private void FindLeaders(long now)
    {
        if (_partitions.TrueForAll(partition => partition.Leader is not null)) return;
        if (_lookup.TryAdvance(now))
        {
            foreach (var partition in _partitions) partition.Follow(_lookup.Leader(partition.Number));
            Follow([.. _partitions.Select(partition => partition.Leader).OfType<int>().Distinct()]);
        }
        if (_lookup.Fault is { } fault) Tell(fault);
        Refusal ??= _lookup.Refusal;
    }

    /// <summary>Has a connection to each leader, and to no other broker.</summary>
    private void Follow(int[] leaders)
    {
        foreach (var gone in _leaders.Where(known => !leaders.Contains(known.Number) || !ReferenceEquals(known.Endpoint, _lookup.Broker(known.Number))).ToArray())
        {
            gone.Dispose();
            _leaders.Remove(gone);
        }
        foreach (var number in leaders)
            if (!_leaders.Exists(known => known.Number == number)) _leaders.Add(new LeaderConnection(number, _lookup.Broker(number)!, settings, topic));
    }

    private void Ask(LeaderConnection leader, long now) =>
        leader.Ask(_partitions.Where(partition => partition.Leader == leader.Number && partition.AskAtMs <= now), now);

    /// <returns>True where there is something to hand out.</returns>
    private bool Read(LeaderConnection leader, long now)
    {
        var bytes = leader.Take(_spare, out var length);
        _spare = [];
        var before = _answer.Begin(bytes);
        if (before.Length <= KeptBytesMax) _spare = before;
        var answer = new FetchAnswerReader(bytes, length);
        leader.ThrottleMs = answer.ThrottleMs;
        _heads.Clear();
        // All of them before the first is taken: what is taken must be handed out.
        while (answer.TryNext(_answer, out var head)) _heads.Add(head);
        leader.Endpoint.Worked();
        (_toldFault, _damaged) = (false, 0);
        var any = false;
        foreach (var head in _heads)
        {
            // What was asked for before an assignment may be of no interest now, or of another place.
            if (leader.Find(head.Partition) is { } asked && _partitions.Contains(asked.Partition)) any |= Take(asked.Partition, asked.From, head, now);
        }
        return any;
    }

    private bool Take(FetchedPartition partition, long from, in FetchAnswerReader.Head head, long now)
    {
        // What was asked for before the doubt is asked for again.
        if (partition.Doubt != Doubt.None && from != partition.AskFrom) return false;
        if (head.Error != ErrorCode.NoError)
        {
            if (partition.Doubt == Doubt.LastBatch && head.Error == ErrorCode.OffsetOutOfRange)
            {
                partition.LastIsGone();
                return false;
            }
            if (!KafkaFaults.IsOfLeader(head.Error)) throw KafkaFaults.OfInput(new Error(head.Error, $"Topic {topic} partition {partition.Number} at offset {partition.Position}"), null);
            partition.ForgetLeader(now);
            return false;
        }
        if (partition.IsSame(head) is not { } isSame) return false;
        if (!isSame)
            throw new CorruptedException(
                $"{topic} partition {partition.Number} holds another record at offset {partition.Position - 1} than the one that was read: the topic was made anew, or its leader lost the end of its log.");
        if (head.Unreadable is { } unreadable)
        {
            _unreadable = $"{topic} partition {partition.Number} has {unreadable} from offset {partition.Position} on";
            return false;
        }
        partition.End = head.HighWatermark;
        var next = Math.Max(partition.Position, head.Next);
        // A new leader may know of less than the one before told.
        var tellsEnd = next == head.LastStable && partition.ToldEnd != next;
        if (next == partition.Position && !tellsEnd) return false;
        _answer.Add(new FetchedAnswer.Piece(partition.Number, head.At, head.End, partition.Position, next, tellsEnd, head.AbortedAt, head.AbortedEnd));
        if (tellsEnd) partition.ToldEnd = next;
        if (next > partition.Position)
        {
            // The next answer begins with those that found no room in this one.
            _partitions.Remove(partition);
            _partitions.Add(partition);
            partition.ReadUpTo(head.Last);
        }
        return true;
    }

    private void WaitForSockets(int waitMs)
    {
        _readable.Clear();
        _writable.Clear();
        Add(_lookup.Connection);
        foreach (var leader in _leaders) Add(leader.Connection);
        // A short while at a time: pauses after faults end too.
        const int LongestMs = 20;
        if (_readable.Count + _writable.Count == 0) _never.WaitOne(Math.Min(waitMs, LongestMs));
        else Socket.Select(_readable, _writable, null, Math.Min(waitMs, LongestMs) * 1_000);
    }

    private void Add(BrokerConnection? connection)
    {
        if (connection is null) return;
        if (connection.Writes) _writable.Add(connection.Socket);
        else if (connection.IsAsked) _readable.Add(connection.Socket);
    }

    /// <summary>The first of an outage.</summary>
    private void Tell(string fault)
    {
        if (_toldFault) return;
        _toldFault = true;
        Broken(logger, topic, fault);
    }

    [LoggerMessage(EventId = 3041, Level = LogLevel.Warning, Message = "Fetching {Topic} waits for a broker: {Fault}")]
    private static partial void Broken(ILogger logger, string topic, string fault);
}
