using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server.Security;

namespace Tally.LocalBroker.Server;

/// <summary>
/// One client: frames in, answers out in the order of the requests. A request is begun as soon as it is read, so a client's pipeline keeps moving; answers
/// that are not ready hold back those behind them.
/// </summary>
internal sealed partial class ClientConnection(
    ConnectionContext connection, IDuplexPipe transport, HandlerTable handlers, FaultPlan faults, ClientSession session, LocalBrokerOptions options, ILogger log)
{
    private const int PendingMax = 64;

    // Nobody may send more than a token before having logged in.
    private const int LoginBytesMax = 64 * 1024;

    // Answers that wait for those before them; beyond that no further request is begun.
    private const int PendingBytesMax = 16 * 1024 * 1024;

    // A client that sends much and reads little must not fill the memory with answers.
    private const int UnflushedBytesMax = 64 * 1024;
    private readonly PipeReader _input = transport.Input;
    private readonly PipeWriter _output = transport.Output;
    private readonly string _clientHost = "/" + ((connection.RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "unknown");
    private Task _tail = Task.CompletedTask;
    private int _pending;
    private int _unflushedBytes;
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
            connection.Abort();
            await connection.DisposeAsync();
        }
    }

    /// <summary>The next frame in a pooled array, null at the end. The length is checked before anything is allocated.</summary>
    private async ValueTask<Frame?> ReadFrameAsync()
    {
        Frame? frame = null;
        int filled = 0;
        while (true)
        {
            if (!_input.TryRead(out ReadResult result))
            {
                await FlushAsync();
                _readingSince = Now;
                result = await _input.ReadAsync();
                _readingSince = 0;
            }

            ReadOnlySequence<byte> buffer = result.Buffer;
            if (frame is null && buffer.Length >= sizeof(int))
            {
                frame = Frame.Rent(ReadLength(buffer));
                _frameSince = Now;
                buffer = buffer.Slice(sizeof(int));
            }

            if (frame is not null)
            {
                while (buffer.Length > 0 && filled < frame.Length)
                {
                    Span<byte> free = frame.Free(filled);
                    ReadOnlySequence<byte> part = buffer.Slice(0, Math.Min(buffer.Length, free.Length));
                    part.CopyTo(free);
                    filled += (int)part.Length;
                    buffer = buffer.Slice(part.End);
                }

                if (filled == frame.Length)
                {
                    _frameSince = 0;
                    _input.AdvanceTo(buffer.Start);
                    return frame;
                }
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
            if (!result.IsCompleted)
                continue;
            frame?.Dispose();
            return null;
        }
    }

    private int ReadLength(ReadOnlySequence<byte> buffer)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        buffer.Slice(0, sizeof(int)).CopyTo(bytes);
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes);
        return length >= (session.TokenIsBare ? 0 : 8) && length <= (session.IsLetIn ? options.RequestBytesMax : LoginBytesMax) ? length : throw new MalformedRequestException($"frame length {length} is out of bounds");
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
        ValueTask<WireWriter?> answer = handler(request);
        if (fault is Fault.CloseAfterwards)
        {
            await answer;
            return false;
        }

        Send(answer, frame);
        if (_unflushedBytes >= UnflushedBytesMax)
            await FlushAsync();
        if (Volatile.Read(ref _pending) >= PendingMax || Volatile.Read(ref _pendingBytes) >= PendingBytesMax)
            await _tail;
        return true;
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
        request = new RequestContext(header, frame.Memory, reader.Position, range, _clientHost, session, connection.ConnectionClosed);
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
            if (_unflushedBytes > 0)
                await FlushOutputAsync();
        }
        catch (Exception e)
        {
            // An answer is missing, so none may follow it.
            _broken = true;
            if (e is MalformedRequestException)
                LogMalformed(_clientHost, e.Message);
            else if (!IsDisconnect(e) && e is not InvalidOperationException)
                LogFailed(e, _clientHost);
            connection.Abort();
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
        using (response)
        {
            if (response is null || _broken)
                return;
            response.PatchInt32(0, response.Length - sizeof(int));
            _output.Write(response.Written.Span);
            _unflushedBytes += response.Length;
        }
    }

    private async ValueTask FlushAsync()
    {
        if (!_tail.IsCompleted || _unflushedBytes == 0)
            return;
        await FlushOutputAsync();
    }

    private async ValueTask FlushOutputAsync()
    {
        _unflushedBytes = 0;
        ValueTask<FlushResult> flush = _output.FlushAsync();
        if (!flush.IsCompleted)
            _writingSince = Now;
        await flush;
        _writingSince = 0;
    }

    private static bool IsDisconnect(Exception e) =>
        e is IOException or ConnectionResetException or ConnectionAbortedException or OperationCanceledException;
}
