using System.Buffers.Binary;
using System.Net.Sockets;
using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>Bytes that no client sends. The connection ends; the broker does not.</summary>
public sealed class HostileClientTests : BrokerFixture
{
    [TestCase("ffffffff", Description = "a negative length")]
    [TestCase("7fffffff00000000", Description = "two thousand million bytes announced")]
    [TestCase("00000004" + "00000000", Description = "too short for any header")]
    [TestCase("0000000a" + "03e7000000000001ffff", Description = "an unknown key")]
    [TestCase("0000000a" + "0001006300000001ffff", Description = "Fetch 99")]
    [TestCase("0000000a" + "0000000200000001ffff", Description = "Produce 2, gone since Kafka 4")]
    [TestCase("0000000e" + "0003000000000001ffff7fffffff", Description = "an array of two thousand million topics")]
    [TestCase("0000000a" + "00120000000000017000", Description = "a client id longer than its frame")]
    public async Task Malformed_bytes_close_their_connection_only(string hex)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Broker.Server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Convert.FromHexString(hex));
        var buffer = new byte[100];
        int read;
        try
        {
            read = await stream.ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(5));
        }
        catch (IOException)
        {
            read = 0;
        }

        Assert.That(read, Is.Zero, "the connection is closed without an answer");
        await AssertAlive();
    }

    [Test]
    public async Task Random_bytes_after_an_honest_header_harm_nobody()
    {
        const int seed = 1234;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int i = 0; i < 200; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Broker.Server.Port);
            var frame = new byte[random.Next(14, 200)];
            random.NextBytes(frame);
            BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
            BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(4), (short)random.Next(0, 48));
            BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(6), (short)random.Next(0, 8));
            BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(12), -1);
            await client.GetStream().WriteAsync(frame);
        }

        await AssertAlive();
    }

    [Test]
    public async Task Answers_leave_in_the_order_of_the_requests_although_a_fetch_waits()
    {
        await Broker.CreateTopicAsync("events");
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Broker.Server.Port);
        NetworkStream stream = client.GetStream();
        // Fetch 4 with a wait of 500 ms at the end of "events", then two ApiVersions 0: correlation ids 1, 2, 3.
        string fetch = "00010004" + "00000001" + "ffff" + "ffffffff" + "000001f4" + "00000001" + "00100000" + "00" + "00000001" + "0006"
            + Convert.ToHexString("events"u8) + "00000001" + "00000000" + "0000000000000000" + "00100000";
        foreach (string request in new[] { fetch, "00120000" + "00000002" + "ffff", "00120000" + "00000003" + "ffff" })
        {
            await stream.WriteAsync(Convert.FromHexString((request.Length / 2).ToString("x8", System.Globalization.CultureInfo.InvariantCulture) + request));
        }

        long start = Environment.TickCount64;
        Assert.That(await ReadCorrelation(stream), Is.EqualTo(1));
        Assert.That(Environment.TickCount64 - start, Is.InRange(400, 5000));
        Assert.That(await ReadCorrelation(stream), Is.EqualTo(2));
        Assert.That(await ReadCorrelation(stream), Is.EqualTo(3));
    }

    private static async Task<int> ReadCorrelation(NetworkStream stream)
    {
        var head = new byte[8];
        await stream.ReadExactlyAsync(head).AsTask().WaitAsync(Eventually.Promptly);
        await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 4]);
        return BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
    }

    private async Task AssertAlive()
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();
        Assert.That(admin.GetMetadata(Eventually.Patience).Brokers, Has.Count.EqualTo(1));
        await Task.CompletedTask;
    }
}
