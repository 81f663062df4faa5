using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.LocalBroker.Server;

/// <summary>
/// One client: frames in, answers out in the order of the requests. A request is begun as soon as it is read, so a client's pipeline keeps moving; answers
/// that are not ready hold back those behind them.
/// </summary>
internal sealed partial class ClientConnection(ConnectionContext connection, HandlerTable handlers, FaultPlan faults, int requestBytesMax, ILogger log)
{
    private const int PendingMax = 64;

    // A client that sends much and reads little must not fill the memory with answers.
    private const int UnflushedBytesMax = 64 * 1024;
    private readonly PipeReader _input = connection.Transport.Input;
    private readonly PipeWriter _output = connection.Transport.Output;
    private readonly string _clientHost = "/" + ((connection.RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "unknown");
    private Task _tail = Task.CompletedTask;
    private int _pending;
    private int _unflushedBytes;
    private volatile bool _broken;

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
                result = await _input.ReadAsync();
            }

            ReadOnlySequence<byte> buffer = result.Buffer;
            if (frame is null && buffer.Length >= sizeof(int))
            {
                frame = Frame.Rent(ReadLength(buffer));
                buffer = buffer.Slice(sizeof(int));
            }

            if (frame is not null)
            {
                ReadOnlySequence<byte> part = buffer.Slice(0, Math.Min(buffer.Length, frame.Length - filled));
                part.CopyTo(frame.Memory.Span[filled..]);
                filled += (int)part.Length;
                buffer = buffer.Slice(part.End);
                if (filled == frame.Length)
                {
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
        return length is >= 8 && length <= requestBytesMax ? length : throw new MalformedRequestException($"frame length {length} is out of bounds");
    }

    /// <summary>Begins a request; false when the connection must end.</summary>
    private async ValueTask<bool> BeginAsync(Frame frame)
    {
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
        if (Volatile.Read(ref _pending) >= PendingMax)
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

        header = header.ReadRest(ref reader, range.IsFlexible(header.Version));
        request = new RequestContext(header, frame.Memory, reader.Position, range, _clientHost, connection.ConnectionClosed);
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
        if (_tail.IsCompleted && answer.IsCompletedSuccessfully)
        {
            Write(answer.GetAwaiter().GetResult());
            frame?.Dispose();
            return;
        }

        Interlocked.Increment(ref _pending);
        _tail = SendAfterAsync(_tail, answer, frame);
    }

    private async Task SendAfterAsync(Task before, ValueTask<WireWriter?> answer, Frame? frame)
    {
        try
        {
            await before;
            Write(await answer);
            if (_unflushedBytes > 0)
            {
                _unflushedBytes = 0;
                await _output.FlushAsync();
            }
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
        _unflushedBytes = 0;
        await _output.FlushAsync();
    }

    private static bool IsDisconnect(Exception e) =>
        e is IOException or ConnectionResetException or ConnectionAbortedException or OperationCanceledException;

    [LoggerMessage(20, LogLevel.Warning, "{Client}: a malformed request closes the connection: {Reason}")]
    private partial void LogMalformed(string client, string reason);

    [LoggerMessage(21, LogLevel.Warning, "{Client}: request {Key} version {Version} is not supported; the connection is closed")]
    private partial void LogUnsupported(string client, ApiKey key, short version);

    [LoggerMessage(22, LogLevel.Error, "{Client}: a request failed unexpectedly; the connection is closed")]
    private partial void LogFailed(Exception e, string client);
}
