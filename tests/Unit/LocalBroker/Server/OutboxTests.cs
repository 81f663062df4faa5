using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server.Network;

namespace Tally.Tests.Unit.LocalBroker.Server;

public sealed class OutboxTests
{
    [Test]
    public async Task Answers_of_all_sizes_leave_whole_and_in_order()
    {
        var random = new Random(5);
        var sent = new MemoryStream();
        var outbox = new Outbox(sent);
        var expected = new List<byte>();
        for (int i = 0; i < 500; i++)
        {
            var bytes = new byte[random.Next(4) == 0 ? random.Next(1, 200_000) : random.Next(1, 300)];
            random.NextBytes(bytes);
            expected.AddRange(bytes);
            var answer = new WireWriter();
            answer.WriteRaw(bytes);
            outbox.Add(answer);
            if (outbox.IsFull || random.Next(10) == 0)
                await outbox.FlushAsync();
        }

        await outbox.FlushAsync();
        Assert.That(outbox.IsEmpty);
        Assert.That(sent.ToArray().AsSpan().SequenceEqual(expected.ToArray()));
    }

    [Test]
    public void No_more_is_taken_than_a_client_may_leave_untaken()
    {
        var outbox = new Outbox(Stream.Null);
        int taken = 0;
        while (!outbox.IsFull)
        {
            var answer = new WireWriter();
            answer.WriteRaw(new byte[1000]);
            outbox.Add(answer);
            taken += 1000;
        }

        Assert.That(taken, Is.LessThanOrEqualTo(64 * 1024));
        using var oneMore = new WireWriter();
        Assert.That(() => outbox.Add(oneMore), Throws.InvalidOperationException);
        outbox.Clear();
    }
}
