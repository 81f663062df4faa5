using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A broker's address as it was given, and the ways to it, tried in turns.</summary>
internal sealed class Endpoint(string host, int port)
{
    private const int DefaultPort = 9092;
    private const int FirstPauseMs = 50;
    private const int LongestPauseMs = 1_000;

    /// <summary>A name is asked for on a thread of its own, and looked after this often.</summary>
    private const int ResolvingLookMs = 5;

    private IPAddress[] _addresses = [];
    private Resolving? _resolving;
    private int _tried;
    private int _pauseMs;

    /// <summary>Not to be tried before, in ms of <see cref="Environment.TickCount64"/>.</summary>
    public long TryAtMs { get; private set; }

    public bool IsSame(string otherHost, int otherPort) => host == otherHost && port == otherPort;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{host}:{port}");

    /// <summary>Parses <c>host:port</c>, several separated by commas; a scheme before them is passed over, as librdkafka does.</summary>
    public static Endpoint[] Parse(string servers) =>
    [
        .. servers.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(server =>
        {
            var address = server[(server.IndexOf("://", StringComparison.Ordinal) is var scheme and >= 0 ? scheme + 3 : 0)..];
            var colon = address.LastIndexOf(':');
            return colon > address.LastIndexOf(']') && int.TryParse(address[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                ? new Endpoint(address[..colon].Trim('[', ']'), port)
                : new Endpoint(address.Trim('[', ']'), DefaultPort);
        }),
    ];

    /// <summary>Begins to connect to the next of its addresses.</summary>
    /// <returns>Null while its name is being asked for, which may take seconds; then it is to be tried again at <see cref="TryAtMs"/>.</returns>
    /// <exception cref="SocketException">Nobody listens there, or nobody knows the name.</exception>
    /// <exception cref="IOException">It is no address.</exception>
    public BrokerConnection? TryConnect(long nowMs, long limitMs)
    {
        if (_tried == _addresses.Length && !TryResolve(nowMs)) return null;
        return new BrokerConnection(new IPEndPoint(_addresses[_tried++], port), limitMs);
    }

    /// <summary>It answered.</summary>
    public void Worked() => (_tried, _pauseMs, TryAtMs) = (Math.Max(0, _tried - 1), 0, 0);

    /// <summary>It did not: after all addresses a pause, which grows from 50 ms to a second.</summary>
    /// <returns>False where there is another address to be tried at once.</returns>
    public bool Failed(long nowMs)
    {
        if (_tried < _addresses.Length) return false;
        _pauseMs = Math.Clamp(_pauseMs * 2, FirstPauseMs, LongestPauseMs);
        TryAtMs = nowMs + _pauseMs;
        return true;
    }

    private bool TryResolve(long nowMs)
    {
        _resolving ??= new Resolving(host);
        if (!_resolving.IsOver)
        {
            TryAtMs = nowMs + ResolvingLookMs;
            return false;
        }
        var over = _resolving;
        _resolving = null;
        (_addresses, _tried) = (over.Addresses(), 0);
        return _addresses.Length > 0 ? true : throw new IOException("Its name has no address.");
    }

    /// <summary>One question for a name. Not through the thread pool, which may be busy for long.</summary>
    private sealed class Resolving
    {
        private volatile bool _isOver;
        private IPAddress[] _addresses = [];
        private Exception? _fault;

        public Resolving(string host)
        {
            if (IPAddress.TryParse(host, out var address)) (_addresses, _isOver) = ([address], true);
            else new Thread(() => Ask(host)) { IsBackground = true, Name = "resolve" }.Start();
        }

        public bool IsOver => _isOver;

        public IPAddress[] Addresses() => _fault switch
        {
            null => _addresses,
            SocketException => throw new SocketException(((SocketException)_fault).ErrorCode, _fault.Message),
            _ => throw new IOException($"It is no address: {_fault.Message}", _fault),
        };

        private void Ask(string host)
        {
            try
            {
                _addresses = Dns.GetHostAddresses(host);
            }
            catch (Exception e) when (e is SocketException or ArgumentException)
            {
                _fault = e;
            }
            _isOver = true;
        }
    }
}
