using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Network;

namespace Tally.Tests.Unit.LocalBroker.Server;

public sealed class InboxTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public async Task However_the_bytes_come_the_frames_are_those_that_were_sent(int seed)
    {
        var random = new Random(seed);
        byte[][] frames = [.. Enumerable.Range(0, 60).Select(_ => new byte[random.Next(3) switch { 0 => random.Next(1, 20), 1 => random.Next(8000, 9000), _ => random.Next(1, 3_000_000) }])];
        foreach (byte[] frame in frames)
            random.NextBytes(frame);
        var inbox = new Inbox(new Drops(frames, random));
        foreach (byte[] expected in frames)
        {
            using Frame? frame = await NextAsync(inbox);
            Assert.That(frame, Is.Not.Null);
            Assert.That(frame!.Memory.Span.SequenceEqual(expected), $"seed {seed}, a frame of {expected.Length} bytes");
        }

        Assert.That(await NextAsync(inbox), Is.Null);
        Assert.That(inbox.IsInsideFrame, Is.False);
    }

    [Test]
    public async Task An_end_inside_a_frame_yields_no_frame()
    {
        var inbox = new Inbox(new MemoryStream([0, 0, 0, 9, 1, 2, 3]));
        Assert.That(await NextAsync(inbox), Is.Null);
        Assert.That(inbox.IsInsideFrame);
        inbox.Clear();
    }

    [TestCase(-1)]
    [TestCase(0)]
    [TestCase(1001)]
    [TestCase(int.MaxValue)]
    public void A_length_out_of_bounds_is_refused(int length)
    {
        var bytes = new byte[100];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        var inbox = new Inbox(new MemoryStream(bytes));
        Assert.That(async () => await NextAsync(inbox, bytesMax: 1000), Throws.InstanceOf<MalformedRequestException>());
    }

    private static async Task<Frame?> NextAsync(Inbox inbox, int bytesMax = int.MaxValue)
    {
        while (true)
        {
            if (inbox.TryTake(1, bytesMax) is { } frame)
                return frame;
            if (!await inbox.ReceiveAsync())
                return null;
        }
    }

    /// <summary>Gives the frames, with their lengths, in pieces of any size.</summary>
    private sealed class Drops(byte[][] frames, Random random) : MemoryStream([.. frames.SelectMany(f => (byte[])[.. BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness(f.Length)), .. f])])
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int wanted = Math.Min(buffer.Length, random.Next(2) == 0 ? random.Next(1, 8) : random.Next(1, 400_000));
            if (random.Next(4) == 0)
                await Task.Yield();
            return await base.ReadAsync(buffer[..wanted], cancellationToken);
        }
    }
}
