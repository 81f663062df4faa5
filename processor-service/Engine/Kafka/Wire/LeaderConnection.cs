namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A broker that leads some of the partitions, and what it is asked for.</summary>
internal sealed class LeaderConnection(int number, Endpoint endpoint, FetchSettings settings, string topic) : IDisposable
{
    private const short FetchVersion = 11;

    /// <summary>
    /// A connection that broke without a word is told by the want of answers alone. Until then no event comes by it, and partitions whose end was reached say that they are up
    /// to date.
    /// </summary>
    private const long SilenceMs = 5_000;

    /// <summary>Between two looks of the reader while nothing comes.</summary>
    private const long LoopMs = 25;

    /// <summary>A reader that was away for so long, with its last question answered, may have missed that a topic was made anew.</summary>
    private const long AwayMs = 300;

    private readonly RequestWriter _request = new();
    private readonly List<(FetchedPartition Partition, long From)> _asked = [];
    private int _correlation;
    private long _askedAtMs;

    public int Number => number;

    public Endpoint Endpoint => endpoint;

    public BrokerConnection? Connection { get; private set; }

    /// <summary>
    /// From then on, in ms of <see cref="Environment.TickCount64"/>, no answer means that there is nothing: the question before may have been answered long before its answer was taken.
    /// </summary>
    public long UpToDateAtMs { get; private set; }

    /// <summary>So long the broker will let the next question wait.</summary>
    public int ThrottleMs { get; set; }

    /// <returns>The partition and the offset that were asked for, or null where it was not.</returns>
    public (FetchedPartition Partition, long From)? Find(int partition) => _asked.FindIndex(asked => asked.Partition.Number == partition) is >= 0 and var at ? _asked[at] : null;

    /// <summary>Connects and receives as far as that goes now.</summary>
    /// <returns>True once an answer is there.</returns>
    public bool TryAdvance(long nowMs)
    {
        if (Connection is null)
        {
            if (nowMs < endpoint.TryAtMs) return false;
            Connection = endpoint.TryConnect(nowMs, nowMs + SilenceMs);
            if (Connection is null) return false;
        }
        return Connection.TryAdvance(nowMs);
    }

    /// <summary>Asks for the partitions, those first that got nothing the last time.</summary>
    public void Ask(IEnumerable<FetchedPartition> partitions, long nowMs)
    {
        var wait = (long)settings.Wait.TotalMilliseconds;
        var wasAway = nowMs - _askedAtMs > wait + AwayMs;
        _asked.Clear();
        foreach (var partition in partitions)
        {
            if (wasAway) partition.BeginDoubt();
            _asked.Add((partition, partition.AskFrom));
        }
        if (_asked.Count == 0) return;
        if (nowMs - _askedAtMs > (2 * wait) + LoopMs) UpToDateAtMs = nowMs + wait;
        _askedAtMs = nowMs;
        _request.Begin(ApiKey.Fetch, FetchVersion, ++_correlation, settings.ClientId);
        const int Consumer = -1, NoSession = 0, NoSessionEpoch = -1, AnyEpoch = -1, UnknownStart = -1;
        const sbyte ReadCommitted = 1;
        _request.Int32(Consumer);
        _request.Int32((int)settings.Wait.TotalMilliseconds);
        _request.Int32(settings.BytesMin);
        _request.Int32(settings.BytesMax);
        _request.Int8(ReadCommitted);
        _request.Int32(NoSession);
        _request.Int32(NoSessionEpoch);
        _request.Int32(1);
        _request.String(topic);
        _request.Int32(_asked.Count);
        foreach (var (partition, from) in _asked)
        {
            _request.Int32(partition.Number);
            _request.Int32(AnyEpoch);
            _request.Int64(from);
            _request.Int64(UnknownStart);
            _request.Int32(settings.PartitionBytesMax);
        }
        _request.Int32(0);
        _request.String("");
        Connection!.Ask(_request.End(), nowMs + SilenceMs + ThrottleMs + wait);
    }

    /// <returns>The answer, behind its length and number.</returns>
    /// <exception cref="DamagedAnswerException">It answers something else.</exception>
    public byte[] Take(byte[] spare, out int length)
    {
        var bytes = Connection!.Take(spare, out length);
        return System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4)) == _correlation
            ? bytes
            : throw new DamagedAnswerException("it is to another question");
    }

    public void Dispose()
    {
        Connection?.Dispose();
        Connection = null;
    }
}
