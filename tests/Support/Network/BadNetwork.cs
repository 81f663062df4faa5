using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tally.Tests.Support.Network;

/// <summary>
/// Stands between Kafka clients and a broker on 127.0.0.1: it listens on the same port of 127.0.0.2, which the broker must advertise. What it does to a
/// connection is decided when that says who it is: clients of other names pass unharmed.
/// </summary>
public sealed class BadNetwork : Relay
{
    /// <summary>What the broker must advertise; all of 127.0.0.0/8 is this machine on Linux.</summary>
    public const string Host = "127.0.0.2";

    private const int BufferBytes = 16 * 1024;

    private readonly ConcurrentBag<HarmedConnection> _harmed = [];
    private readonly string _victims;
    private readonly Func<Random, int, Harm> _harm;
    private readonly Random _random;
    private readonly Lock _gate = new();
    private int _connections;
    private int _breaks;

    /// <param name="port">Of the broker, and here.</param>
    /// <param name="victims">How the client ids begin that it harms.</param>
    /// <param name="harm">What it does to the next connection, drawn from the given chance; told how many were broken so far.</param>
    /// <param name="seed">Of the chance.</param>
    public BadNetwork(int port, string victims, Func<Random, int, Harm> harm, int seed)
        : base(IPAddress.Parse(Host), port)
    {
        (_victims, _harm, _random) = (victims, harm, new Random(seed));
        Begin();
    }

    public string BootstrapServers => $"{Host}:{Port}";

    /// <summary>Connections that were to be harmed.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Those of them that were reset or fell silent.</summary>
    public int Breaks => Volatile.Read(ref _breaks);

    /// <summary>Connections of victims that are there now carry nothing any more, and nobody is told.</summary>
    public void FallSilent()
    {
        foreach (var connection in _harmed) connection.FallSilent();
    }

    protected override async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        using (var both = CancellationTokenSource.CreateLinkedTokenSource(End))
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, Port, End);
                var first = new byte[BufferBytes];
                var read = await client.ReceiveAsync(first, End);
                var isVictim = IsVictim(first.AsSpan(0, read));
                var harm = isVictim ? Draw() : new Harm();
                var connection = new HarmedConnection(client, server, () => Interlocked.Increment(ref _breaks), both);
                if (isVictim) _harmed.Add(connection);
                await Task.WhenAll(
                    connection.PumpAsync(client, server, first.AsMemory(0, read), harm.Requests),
                    connection.PumpAsync(server, client, default, harm.Answers));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // One side is gone.
            }
        }
    }

    private Harm Draw()
    {
        Interlocked.Increment(ref _connections);
        lock (_gate) return _harm(_random, Breaks);
    }

    /// <summary>A request: length, key, version, correlation, then the client's name as length and text.</summary>
    private bool IsVictim(ReadOnlySpan<byte> request) =>
        request.Length >= 14 && BinaryPrimitives.ReadInt16BigEndian(request[12..]) is > 0 and var length && request.Length >= 14 + length
        && Encoding.UTF8.GetString(request.Slice(14, length)).StartsWith(_victims, StringComparison.Ordinal);
}
