using System.Buffers.Binary;
using System.Net.Sockets;

namespace Tally.Tests.Support.Wire;

/// <summary>
/// A Kafka client as thin as can be: one socket, requests written by hand, one answer at a time. It shares no code with the broker, so that both can
/// be held against it.
/// </summary>
public sealed class WireClient : IDisposable
{
    private const int AnswerBytesMax = 64 * 1024 * 1024;

    private readonly TcpClient _socket;
    private int _correlation;

    private WireClient(TcpClient socket) => _socket = socket;

    public static async Task<WireClient> ConnectAsync(string bootstrap)
    {
        string[] parts = bootstrap.Split(':');
        var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(parts[0], int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
        return new WireClient(socket);
    }

    /// <summary>Whether that version is in flexible encoding, for the keys that are spoken here (KIP-482; Kafka's message definitions).</summary>
    public static bool IsFlexible(int key, int version) => version >= key switch
    {
        22 => 2,
        16 or 18 or 28 => 3,
        2 or 9 => 6,
        60 or 61 or 65 or 66 => 0,
        _ => int.MaxValue,
    };

    /// <summary>Sends one request and reads its answer; null when the broker closes the connection instead.</summary>
    public async Task<WireAnswer?> AskAsync(int key, int version, Action<WireRequest> body)
    {
        await SendAsync(key, version, body);
        if (await ReadFrameAsync() is not { } frame)
            return null;
        Assert.That(BinaryPrimitives.ReadInt32BigEndian(frame), Is.EqualTo(_correlation), "the answer to another request");
        bool flexible = IsFlexible(key, version);
        // ApiVersions answers with the oldest header, whatever its version.
        var answer = new WireAnswer(frame[4..], flexible);
        return key == 18 ? answer : answer.Tags();
    }

    /// <summary>Sends one request and waits for nothing: acks=0 has no answer.</summary>
    public async Task SendAsync(int key, int version, Action<WireRequest> body)
    {
        bool flexible = IsFlexible(key, version);
        byte[] head = new WireRequest(false).Int16(key).Int16(version).Int32(++_correlation).Text("wire").ToArray();
        var content = new WireRequest(flexible);
        content.Tags();
        body(content);
        content.Tags();
        byte[] rest = content.ToArray();
        var frame = new byte[4 + head.Length + rest.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        head.CopyTo(frame, 4);
        rest.CopyTo(frame, 4 + head.Length);
        await _socket.GetStream().WriteAsync(frame);
    }

    public void Dispose() => _socket.Dispose();

    private async Task<byte[]?> ReadFrameAsync()
    {
        var head = new byte[4];
        if (!await FillAsync(head))
            return null;
        int length = BinaryPrimitives.ReadInt32BigEndian(head);
        Assert.That(length, Is.InRange(4, AnswerBytesMax));
        var frame = new byte[length];
        return await FillAsync(frame) ? frame : null;
    }

    private async Task<bool> FillAsync(byte[] target)
    {
        using var limit = new CancellationTokenSource(Eventually.Patience);
        try
        {
            await _socket.GetStream().ReadExactlyAsync(target, limit.Token);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
        catch (OperationCanceledException)
        {
            throw new AssertionException($"no answer within {Eventually.Patience.TotalSeconds} s");
        }
    }
}
