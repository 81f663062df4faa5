using System.Net.Sockets;
using System.Threading.Channels;

namespace Tally.Tests.Support.Network;

/// <summary>The two ends of one connection through a bad network.</summary>
internal sealed class HarmedConnection(Socket client, Socket server, Action broken, CancellationTokenSource end)
{
    private const int BufferBytes = 16 * 1024;

    /// <summary>Held back at most: then nothing more is read, as in any network.</summary>
    private const int QueuedChunks = 64;

    private volatile bool _silent;

    /// <summary>Nothing comes through in either direction any more, and nobody is told.</summary>
    public void FallSilent()
    {
        _silent = true;
        broken();
    }

    /// <summary>Carries one direction until an end closes, or the harm is done.</summary>
    /// <param name="from">Read.</param>
    /// <param name="to">Written.</param>
    /// <param name="first">Read already.</param>
    /// <param name="lane">What becomes of it.</param>
    public async Task PumpAsync(Socket from, Socket to, ReadOnlyMemory<byte> first, Lane lane)
    {
        var held = Channel.CreateBounded<(ReadOnlyMemory<byte> Bytes, long Due)>(QueuedChunks);
        await Task.WhenAll(ReadAsync(from, first, lane, held.Writer), WriteAsync(to, lane, held.Reader));
    }

    private async Task ReadAsync(Socket from, ReadOnlyMemory<byte> first, Lane lane, ChannelWriter<(ReadOnlyMemory<byte>, long)> held)
    {
        try
        {
            if (!first.IsEmpty) await held.WriteAsync((first, Due(lane)), end.Token);
            while (true)
            {
                var buffer = new byte[lane.BytesPerSecond is { } rate ? Math.Min(BufferBytes, Math.Max(1, rate / 20)) : BufferBytes];
                var read = await from.ReceiveAsync(buffer, end.Token);
                if (read == 0) break;
                await held.WriteAsync((buffer.AsMemory(0, read), Due(lane)), end.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // An end is gone, or the harm was done.
        }
        finally
        {
            held.TryComplete();
        }
    }

    private async Task WriteAsync(Socket to, Lane lane, ChannelReader<(ReadOnlyMemory<byte> Bytes, long Due)> held)
    {
        var passed = 0L;
        try
        {
            await foreach (var (bytes, due) in held.ReadAllAsync(end.Token))
            {
                if (due - Environment.TickCount64 is > 0 and var wait) await Task.Delay(TimeSpan.FromMilliseconds(wait), end.Token);
                for (var rest = bytes; !rest.IsEmpty;)
                {
                    if (_silent) break;
                    if (passed >= lane.SilentAfter)
                    {
                        FallSilent();
                        break;
                    }
                    var most = Math.Min(Math.Min(lane.ResetAfter ?? long.MaxValue, lane.SilentAfter ?? long.MaxValue) - passed, lane.SliceBytes);
                    var slice = rest[..(int)Math.Min(rest.Length, most)];
                    await to.SendAsync(slice, end.Token);
                    passed += slice.Length;
                    rest = rest[slice.Length..];
                    if (passed >= lane.ResetAfter)
                    {
                        broken();
                        await ResetAsync();
                        return;
                    }
                }
                if (lane.BytesPerSecond is { } rate) await Task.Delay(TimeSpan.FromSeconds((double)bytes.Length / rate), end.Token);
            }
            if (!_silent) to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // An end is gone, or the harm was done.
            if (!_silent) await end.CancelAsync();
        }
    }

    private static long Due(Lane lane) => Environment.TickCount64 + (long)(lane.Latency?.Invoke().TotalMilliseconds ?? 0);

    private async Task ResetAsync()
    {
        foreach (var socket in (Socket[])[client, server])
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Close();
        }
        await end.CancelAsync();
    }
}
