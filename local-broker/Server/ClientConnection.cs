using System.Net.Sockets;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server.Network;
using Tally.LocalBroker.Server.Security;

namespace Tally.LocalBroker.Server;

/// <summary>
/// One client: frames in, answers out in the order of the requests. A request is begun as soon as it is read, so a client's pipeline keeps moving; answers
/// that are not ready hold back those behind them.
/// </summary>
internal sealed partial class ClientConnection(
    ClientSocket socket, Stream stream, HandlerTable handlers, FaultPlan faults, ClientSession session, LocalBrokerOptions options, ILogger log)
{
    private const int PendingMax = 64;

    // Nobody may send more than a token before having logged in.
    private const int LoginBytesMax = 64 * 1024;

    // Answers that wait for those before them; beyond that no further request is begun.
    private const int PendingBytesMax = 16 * 1024 * 1024;

    // The shortest head of a request: key, version, correlation id.
    private const int FrameBytesMin = 8;
    private const int FramesInARowMax = 64;
    private readonly Inbox _inbox = new(stream);
    private readonly Outbox _outbox = new(stream);
    private readonly string _clientHost = "/" + (socket.Remote?.Address.ToString() ?? "unknown");
    private Task _tail = Task.CompletedTask;
    private int _pending;
    private int _framesInARow;
    private int _pendingBytes;
    private long _readingSince;
    private long _frameSince;
    private long _writingSince;
    private volatile bool _broken;

    private long Now => options.TimeProvider.GetTimestamp();

    public async Task RunAsync()
    {
        try
        {
            while (await ReadFrameAsync() is { } frame)
            {
                if (!await BeginAsync(frame))
                    break;
            }
        }
        catch (MalformedRequestException e)
        {
            LogMalformed(_clientHost, e.Message);
        }
        catch (Exception e) when (IsDisconnect(e))
        {
            // The client went away; that is its right.
        }
        catch (Exception e)
        {
            LogFailed(e, _clientHost);
        }
        finally
        {
            // Ends the waits of this connection's long polls.
            socket.Abort();
            _inbox.Clear();
            // An answer that is still awaited finds its way to a closed socket and is dropped there.
            if (_tail.IsCompleted)
                _outbox.Clear();
        }
    }

    /// <summary>The next frame in a pooled array, null at the end. The length is checked before anything is allocated.</summary>
    private async ValueTask<Frame?> ReadFrameAsync()
    {
        while (true)
        {
            Frame? frame = _inbox.TryTake(session.TokenIsBare ? 0 : FrameBytesMin, session.IsLetIn ? options.RequestBytesMax : LoginBytesMax);
            if (frame is not null)
            {
                _frameSince = 0;
                // Who sends without a pause shares its thread with other connections.
                if (++_framesInARow >= FramesInARowMax)
                {
                    _framesInARow = 0;
                    await Task.Yield();
                }

                return frame;
            }

            if (_frameSince == 0 && _inbox.IsInsideFrame)
                _frameSince = Now;
            await FlushAsync();
            ValueTask<bool> received = _inbox.ReceiveAsync();
            if (!received.IsCompleted)
            {
                _framesInARow = 0;
                _readingSince = Now;
            }

            bool more = await received;
            _readingSince = 0;
            if (!more)
                return null;
        }
    }

    /// <summary>Begins a request; false when the connection must end.</summary>
    private async ValueTask<bool> BeginAsync(Frame frame)
    {
        if (session.TokenIsBare)
            return TakeBareToken(frame);
        if (!TryParse(frame, out RequestContext? request, out RequestHandler? handler, out WireWriter? refusal))
        {
            frame.Dispose();
            if (refusal is null)
                return false;
            Send(ValueTask.FromResult<WireWriter?>(refusal), null);
            return true;
        }

        Fault? fault = faults.Take(request.Header.Key);
        if (fault is Fault.CloseBefore)
            return false;
        if (fault is Fault.DelayBefore delay)
            await Task.Delay(delay.Time, request.Closed);
        ValueTask<WireWriter?> answer = Handle(handler, request);
        if (fault is Fault.CloseAfterwards)
        {
            await answer;
            return false;
        }

        Send(answer, frame);
        if (_outbox.IsFull)
            await FlushAsync();
        if (Volatile.Read(ref _pending) >= PendingMax || Volatile.Read(ref _pendingBytes) >= PendingBytesMax)
            await _tail;
        return true;
    }

    // A file that could not be read or written is no client that went away, though both are told by the same kind of exception.
    private static async ValueTask<WireWriter?> AwaitedAsync(ValueTask<WireWriter?> answer)
    {
        try
        {
            return await answer;
        }
        catch (IOException e)
        {
            throw new InvalidOperationException("A file could not be read or written.", e);
        }
    }

    private static ValueTask<WireWriter?> Handle(RequestHandler handler, RequestContext request)
    {
        try
        {
            ValueTask<WireWriter?> answer = handler(request);
            return answer.IsCompletedSuccessfully ? answer : AwaitedAsync(answer);
        }
        catch (IOException e)
        {
            throw new InvalidOperationException("A file could not be read or written.", e);
        }
    }

    private bool TryParse(Frame frame, out RequestContext request, out RequestHandler handler, out WireWriter? refusal)
    {
        var reader = new WireReader(frame.Memory.Span);
        RequestHeader header = RequestHeader.ReadFixed(ref reader);
        (request, refusal) = (null!, null);
        if (!handlers.TryFind(header.Key, out ApiRange range, out handler))
        {
            LogUnsupported(_clientHost, header.Key, header.Version);
            return false;
        }

        if (!range.Offers(header.Version))
        {
            // A client that asks what is spoken here in words too new for us is told so in the oldest words; anything else is a client's fault.
            if (header.Key == ApiKey.ApiVersions)
                refusal = RefuseApiVersions(header, range);
            else
                LogUnsupported(_clientHost, header.Key, header.Version);
            return false;
        }

        if (!session.IsLetIn && header.Key is not (ApiKey.ApiVersions or ApiKey.SaslHandshake or ApiKey.SaslAuthenticate))
        {
            LogNotLoggedIn(_clientHost, header.Key);
            return false;
        }

        header = header.ReadRest(ref reader, range.IsFlexible(header.Version));
        request = new RequestContext(header, frame.Memory, reader.Position, range, _clientHost, session, socket.Closed);
        return true;
    }

    private static WireWriter RefuseApiVersions(RequestHeader header, ApiRange range)
    {
        var writer = new WireWriter();
        writer.ReserveInt32();
        writer.WriteInt32(header.CorrelationId);
        Key18ApiVersions.Write(writer, 0, ErrorCode.UnsupportedVersion, [range]);
        return writer;
    }

    // Only the reading loop calls this; while the tail is complete nobody else touches the output.
    private void Send(ValueTask<WireWriter?> answer, Frame? frame)
    {
        if (!answer.IsCompletedSuccessfully)
        {
            SendLater(answer, frame, 0);
            return;
        }

        WireWriter? ready = answer.GetAwaiter().GetResult();
        if (!_tail.IsCompleted)
        {
            SendLater(ValueTask.FromResult(ready), frame, ready?.Length ?? 0);
            return;
        }

        Write(ready);
        frame?.Dispose();
    }

    private void SendLater(ValueTask<WireWriter?> answer, Frame? frame, int bytes)
    {
        Interlocked.Increment(ref _pending);
        Interlocked.Add(ref _pendingBytes, bytes);
        _tail = SendAfterAsync(_tail, answer, frame, bytes);
    }

    private async Task SendAfterAsync(Task before, ValueTask<WireWriter?> answer, Frame? frame, int bytes)
    {
        try
        {
            await before;
            Write(await answer);
            if (!_outbox.IsEmpty)
                await FlushOutputAsync();
        }
        catch (Exception e)
        {
            // An answer is missing, so none may follow it.
            _broken = true;
            if (e is MalformedRequestException)
                LogMalformed(_clientHost, e.Message);
            else if (!IsDisconnect(e))
                LogFailed(e, _clientHost);
            socket.Abort();
        }
        finally
        {
            Interlocked.Decrement(ref _pending);
            Interlocked.Add(ref _pendingBytes, -bytes);
            frame?.Dispose();
        }
    }

    private void Write(WireWriter? response)
    {
        if (response is null)
            return;
        if (_broken)
        {
            response.Dispose();
            return;
        }

        response.PatchInt32(0, response.Length - sizeof(int));
        _outbox.Add(response);
    }

    private async ValueTask FlushAsync()
    {
        if (_tail.IsCompleted && !_outbox.IsEmpty)
            await FlushOutputAsync();
    }

    private async ValueTask FlushOutputAsync()
    {
        ValueTask flush = _outbox.FlushAsync();
        if (!flush.IsCompleted)
            _writingSince = Now;
        await flush;
        _writingSince = 0;
    }

    private static bool IsDisconnect(Exception e) => e is IOException or SocketException or ObjectDisposedException or OperationCanceledException;
}
