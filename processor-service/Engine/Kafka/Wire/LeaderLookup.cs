using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Asks the brokers in turns, over a connection of its own each time, what they are called and which of them lead the partitions of a topic.</summary>
internal sealed class LeaderLookup(FetchSettings settings, string topic) : IDisposable
{
    private const short FetchVersion = 11;
    private const short MetadataVersion = 7;
    private const long AnswerWithinMs = 5_000;
    private const long PauseMs = 100;

    /// <summary>A topic that is being made, or a cluster that starts, has no partitions for a moment.</summary>
    private const long UnknownTopicAfterMs = 5_000;

    private readonly Endpoint[] _bootstrap = Endpoint.Parse(settings.BootstrapServers);
    private readonly RequestWriter _request = new();
    private readonly Dictionary<int, Endpoint> _brokers = [];
    private readonly Dictionary<int, int> _leaders = [];
    private BrokerConnection? _connection;
    private Endpoint? _endpoint;
    private bool _asksVersions;
    private int _turn;
    private long _askAtMs;
    private long _unknownSinceMs;

    /// <summary>Its socket while it asks.</summary>
    public BrokerConnection? Connection => _connection;

    /// <summary>Why the brokers cannot be asked this way, or null.</summary>
    public string? Refusal { get; private set; }

    /// <summary>What was wrong with the last attempt, until one works.</summary>
    public string? Fault { get; private set; }

    public Endpoint? Broker(int number) => _brokers.GetValueOrDefault(number);

    public int? Leader(int partition) => _leaders.TryGetValue(partition, out var leader) ? leader : null;

    /// <summary>Goes on asking.</summary>
    /// <returns>True once there is an answer.</returns>
    /// <exception cref="SessionEndException">The topic is not there, or not for us.</exception>
    public bool TryAdvance(long nowMs)
    {
        try
        {
            if (_connection is null && !TryConnect(nowMs)) return false;
            var answered = _connection!.TryAdvance(nowMs);
            if (_connection.IsFree) AskVersions(nowMs);
            if (!answered) return false;
            var bytes = _connection.Take([], out var length);
            var answer = new AnswerReader(bytes.AsSpan(4, length - 4));
            answer.Int32();
            if (_asksVersions)
            {
                ReadVersions(ref answer);
                if (Refusal is null) AskMetadata(nowMs);
                return false;
            }
            Read(ref answer, nowMs);
            _endpoint!.Worked();
            Close();
            (_askAtMs, Fault) = (nowMs + PauseMs, null);
            return true;
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            if (_endpoint!.Failed(nowMs)) Fault = $"{_endpoint}: {e.Message}";
            Close();
            return false;
        }
    }

    public void Dispose() => Close();

    private bool TryConnect(long nowMs)
    {
        if (nowMs < _askAtMs) return false;
        // Brokers that are known may have gone, the first ones may have moved: all of them in turns.
        var all = _bootstrap.Length + _brokers.Count;
        for (var i = 0; i < all; i++)
        {
            var turn = _turn++ % all;
            var next = turn < _bootstrap.Length ? _bootstrap[turn] : _brokers.Values.ElementAt(turn - _bootstrap.Length);
            if (next.TryAtMs > nowMs) continue;
            _endpoint = next;
            _connection = next.TryConnect(nowMs, nowMs + AnswerWithinMs);
            if (_connection is not null) return true;
        }
        return false;
    }

    private void AskVersions(long nowMs)
    {
        _asksVersions = true;
        _request.Begin(ApiKey.ApiVersions, 0, 1, settings.ClientId);
        _connection!.Ask(_request.End(), nowMs + AnswerWithinMs);
    }

    private void ReadVersions(ref AnswerReader answer)
    {
        if ((ErrorCode)answer.Int16() is not ErrorCode.NoError and var error) throw new DamagedAnswerException($"asked for its versions it says {error}");
        for (var left = answer.Count(); left > 0; left--)
        {
            var (key, least, most) = ((ApiKey)answer.Int16(), answer.Int16(), answer.Int16());
            if ((key == ApiKey.Fetch && FetchVersion is var fetch && (fetch < least || fetch > most)) || (key == ApiKey.Metadata && MetadataVersion is var metadata && (metadata < least || metadata > most)))
                Refusal = $"{_endpoint} takes {key} requests of versions {least} to {most}";
        }
    }

    private void AskMetadata(long nowMs)
    {
        _asksVersions = false;
        _request.Begin(ApiKey.Metadata, MetadataVersion, 2, settings.ClientId);
        _request.Int32(1);
        _request.String(topic);
        _request.Int8(0);
        _connection!.Ask(_request.End(), nowMs + AnswerWithinMs);
    }

    private void Read(ref AnswerReader answer, long nowMs)
    {
        answer.Int32();
        ReadBrokers(ref answer);
        answer.String();
        answer.Int32();
        _leaders.Clear();
        for (var topics = answer.Count(); topics > 0; topics--)
        {
            var error = (ErrorCode)answer.Int16();
            answer.String();
            answer.Boolean();
            Judge(error, nowMs);
            ReadPartitions(ref answer);
        }
    }

    private void ReadBrokers(ref AnswerReader answer)
    {
        var known = new HashSet<int>();
        for (var left = answer.Count(); left > 0; left--)
        {
            var (number, host, port) = (answer.Int32(), answer.String(), answer.Int32());
            answer.String();
            known.Add(number);
            if (!_brokers.TryGetValue(number, out var before) || !before.IsSame(host, port)) _brokers[number] = new Endpoint(host, port);
        }
        foreach (var gone in _brokers.Keys.Except(known).ToArray()) _brokers.Remove(gone);
    }

    private void ReadPartitions(ref AnswerReader answer)
    {
        for (var left = answer.Count(); left > 0; left--)
        {
            answer.Int16();
            var (partition, leader) = (answer.Int32(), answer.Int32());
            answer.Int32();
            answer.SkipInt32s();
            answer.SkipInt32s();
            answer.SkipInt32s();
            if (_brokers.ContainsKey(leader)) _leaders[partition] = leader;
        }
    }

    private void Judge(ErrorCode error, long nowMs)
    {
        if (error is ErrorCode.NoError or ErrorCode.LeaderNotAvailable)
        {
            _unknownSinceMs = 0;
            return;
        }
        if (error is ErrorCode.UnknownTopicOrPart)
        {
            if (_unknownSinceMs == 0) _unknownSinceMs = nowMs;
            if (nowMs - _unknownSinceMs < UnknownTopicAfterMs) return;
        }
        throw KafkaFaults.OfInput(new Error(error, $"Topic {topic}"), null);
    }

    private void Close()
    {
        _connection?.Dispose();
        _connection = null;
    }
}
