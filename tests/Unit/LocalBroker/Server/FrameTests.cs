using Tally.LocalBroker.Server.Network;

namespace Tally.Tests.Unit.LocalBroker.Server;

public sealed class FrameTests
{
    [Test]
    public void Room_is_made_as_bytes_arrive_not_as_they_are_announced()
    {
        const int announced = 5_000_001;
        using Frame frame = Frame.Rent(announced);
        Assert.That(frame.Free(0).Length, Is.LessThanOrEqualTo(1 << 20));
        int filled = 0;
        while (filled < announced)
        {
            Span<byte> free = frame.Free(filled).Span;
            Assert.That(filled + free.Length, Is.LessThanOrEqualTo(Math.Max(1 << 20, filled * 4)));
            for (int i = 0; i < free.Length; i++)
                free[i] = (byte)(filled + i);
            filled += free.Length;
        }

        for (int i = 0; i < announced; i += 997)
            Assert.That(frame.Memory.Span[i], Is.EqualTo((byte)i));
    }
}
