using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>One connection to a broker, one question at a time. Nothing here waits: <see cref="TryAdvance"/> does what can be done at once.</summary>
internal sealed class BrokerConnection : IDisposable
{
    /// <summary>Beyond this nobody would send on purpose; librdkafka has the same bound (receive.message.max.bytes).</summary>
    private const int AnswerBytesMax = 100_000_000;

    private const int FirstBytes = 256 << 10;
    private const long SilenceMs = 5_000;

    private byte[] _answer = [];
    private int _received;
    private ReadOnlyMemory<byte> _unsent;
    private bool _connected;
    private long _limitMs;

    /// <exception cref="SocketException">Nobody listens there.</exception>
    public BrokerConnection(IPEndPoint to, long limitMs)
    {
        _limitMs = limitMs;
        Socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
        try
        {
            Socket.Connect(to);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
        }
        catch
        {
            Socket.Dispose();
            throw;
        }
    }

    public Socket Socket { get; }

    /// <summary>A question is under way.</summary>
    public bool IsAsked { get; private set; }

    /// <summary>It is connected and may be asked.</summary>
    public bool IsFree => _connected && !IsAsked;

    /// <summary>There is something to do once the socket can be written.</summary>
    public bool Writes => !_connected || !_unsent.IsEmpty;

    /// <param name="request">Its bytes must stay as they are until the answer is there.</param>
    /// <param name="limitMs">By when, in ms of <see cref="Environment.TickCount64"/>, the answer has to be there.</param>
    public void Ask(ReadOnlyMemory<byte> request, long limitMs)
    {
        (_unsent, _limitMs, _received, IsAsked) = (request, limitMs, 0, true);
        Send();
    }

    /// <summary>Connects, sends and receives as far as that goes now.</summary>
    /// <returns>True once the whole answer is there, for <see cref="Take"/>.</returns>
    /// <exception cref="IOException">The connection is of no use any more.</exception>
    /// <exception cref="SocketException">The same.</exception>
    public bool TryAdvance(long nowMs)
    {
        if (!_connected)
        {
            if (!Socket.Poll(0, SelectMode.SelectWrite))
            {
                if (nowMs >= _limitMs) throw new IOException("It did not connect in time.");
                return false;
            }
            if ((SocketError)(int)Socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! is not SocketError.Success and var error) throw new SocketException((int)error);
            _connected = true;
        }
        if (!IsAsked) return false;
        Send();
        if (Receive(nowMs)) return true;
        if (nowMs >= _limitMs) throw new IOException("It did not answer in time.");
        return false;
    }

    /// <summary>Hands over the answer behind its length, and takes bytes for the next one in exchange.</summary>
    public byte[] Take(byte[] spare, out int length)
    {
        var taken = _answer;
        length = _received;
        (_answer, _received, IsAsked) = (spare, 0, false);
        return taken;
    }

    public void Dispose() => Socket.Dispose();

    private void Send()
    {
        if (_unsent.IsEmpty) return;
        var sent = Socket.Send(_unsent.Span, SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock) return;
        if (error != SocketError.Success) throw new SocketException((int)error);
        _unsent = _unsent[sent..];
    }

    private bool Receive(long nowMs)
    {
        while (true)
        {
            var whole = _received < 4 ? -1 : 4 + Length();
            if (_received == whole) return true;
            if (_answer.Length < Math.Max(whole, FirstBytes)) Array.Resize(ref _answer, Math.Max(whole, FirstBytes));
            // A question at a time: whatever comes belongs to this answer.
            var received = Socket.Receive(_answer.AsSpan(_received, (whole < 0 ? _answer.Length : whole) - _received), SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock) return false;
            if (error != SocketError.Success) throw new SocketException((int)error);
            if (received == 0) throw new IOException("The broker closed it.");
            _received += received;
            // A long answer may take long, as long as it comes.
            _limitMs = Math.Max(_limitMs, nowMs + SilenceMs);
            if (whole < 0 && _received >= 4 && _received > 4 + Length()) throw new DamagedAnswerException("more came than was asked for");
        }
    }

    private int Length()
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(_answer);
        return length is >= 4 and <= AnswerBytesMax ? length : throw new DamagedAnswerException($"it claims {length} bytes");
    }
}
