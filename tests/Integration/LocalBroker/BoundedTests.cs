using System.Buffers.Binary;
using System.Net.Sockets;
using Confluent.Kafka;
using Tally.LocalBroker.Server;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>Clients that stall, flood or come in thousands: each costs itself its connection at most, and the others go on.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BoundedTests
{
    private TestBroker _broker = null!;

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
    }

    [TearDown]
    public async Task StopBroker() => await _broker.DisposeAsync();

    [TestCase("0000")]
    [TestCase("06400000" + "00030000", Description = "a hundred million bytes announced, four sent")]
    [TestCase("00000020" + "00030000")]
    public async Task Half_a_frame_and_then_silence_closes_the_connection(string hex)
    {
        await StartAsync(o => o with { ClientPatience = TimeSpan.FromMilliseconds(200), ConnectionIdleMax = TimeSpan.FromMilliseconds(300) });
        using TcpClient client = await ConnectAsync();
        await client.GetStream().WriteAsync(Convert.FromHexString(hex));
        Assert.That(await ReadToEndAsync(client), Is.Zero);
        await AssertWorks();
    }

    [Test]
    [NonParallelizable]
    public async Task A_client_that_never_reads_its_answers_is_bounded_and_closed_while_others_work()
    {
        await StartAsync(o => o with { ClientPatience = TimeSpan.FromSeconds(2) });
        await _broker.CreateTopicAsync("large");
        using (IProducer<Null, byte[]> producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _broker.BootstrapServers }).Build())
        {
            for (int i = 0; i < 16; i++)
                await producer.ProduceAsync("large", new Message<Null, byte[]> { Value = new byte[500_000] });
        }

        long before = Environment.WorkingSet;
        using TcpClient client = await ConnectAsync();
        client.ReceiveBufferSize = 4096;
        NetworkStream stream = client.GetStream();
        byte[] fetch = Fetch("large");
        int sent = 0;
        try
        {
            // Answers of 8 MB each are asked for until the broker takes no more requests or closes.
            using var patience = new CancellationTokenSource(Eventually.Promptly);
            for (; sent < 1_000_000; sent++)
            {
                await stream.WriteAsync(fetch, patience.Token);
                if (sent == 100)
                    await AssertWorks();
            }

            Assert.Fail("the broker went on taking requests");
        }
        catch (IOException)
        {
            TestContext.Out.WriteLine($"closed after {sent} requests");
        }

        Assert.That(Environment.WorkingSet - before, Is.LessThan(300_000_000), "not a hundred answers of 8 MB");
        await AssertWorks();
    }

    [Test]
    public async Task Requests_without_end_on_one_connection_are_all_answered_in_order()
    {
        await StartAsync();
        using TcpClient client = await ConnectAsync();
        NetworkStream stream = client.GetStream();
        const int requests = 50_000;
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < requests; i++)
                await stream.WriteAsync(ApiVersions(i));
        });
        for (int i = 0; i < requests; i++)
        {
            var head = new byte[8];
            await stream.ReadExactlyAsync(head).AsTask().WaitAsync(Eventually.Promptly);
            Assert.That(BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4)), Is.EqualTo(i));
            await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 4]);
        }

        await writing;
    }

    [Test]
    public async Task Three_thousand_connections_hinder_nobody_and_all_are_answered()
    {
        await StartAsync();
        var idle = new List<TcpClient>();
        try
        {
            for (int i = 0; i < 3000; i++)
                idle.Add(await ConnectAsync());
            await AssertWorks();
            for (int i = 0; i < idle.Count; i++)
                await idle[i].GetStream().WriteAsync(ApiVersions(i));
            for (int i = 0; i < idle.Count; i++)
            {
                var head = new byte[8];
                await idle[i].GetStream().ReadExactlyAsync(head).AsTask().WaitAsync(Eventually.Promptly);
                Assert.That(BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4)), Is.EqualTo(i));
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.TooManyOpenSockets)
        {
            Assert.Ignore($"This machine allows {idle.Count} open connections only (ulimit -n).");
        }
        finally
        {
            idle.ForEach(c => c.Dispose());
        }
    }

    [Test]
    public async Task Beyond_the_allowed_number_connections_are_closed_and_later_ones_served_again()
    {
        await StartAsync(o => o with { ConnectionsMax = 20 });
        TcpClient[] idle = [.. await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ConnectAsync()))];
        using TcpClient tooMany = await ConnectAsync();
        Assert.That(await ReadToEndAsync(tooMany), Is.Zero);
        foreach (TcpClient client in idle)
            client.Dispose();
        await AssertWorks();
    }

    private static byte[] ApiVersions(int correlation)
    {
        byte[] request = Convert.FromHexString("0000000a" + "00120000" + "00000000" + "ffff");
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(8), correlation);
        return request;
    }

    // Fetch 4 from the beginning of partition 0.
    private static byte[] Fetch(string topic)
    {
        string body = "00010004" + "00000001" + "ffff" + "ffffffff" + "00000000" + "00000001" + "00800000" + "00" + "00000001"
            + topic.Length.ToString("x4", System.Globalization.CultureInfo.InvariantCulture) + Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(topic))
            + "00000001" + "00000000" + "0000000000000000" + "00800000";
        return Convert.FromHexString((body.Length / 2).ToString("x8", System.Globalization.CultureInfo.InvariantCulture) + body);
    }

    private async Task StartAsync(Func<LocalBrokerOptions, LocalBrokerOptions>? configure = null) => _broker = await TestBroker.StartAsync(configure);

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", _broker.Server.Port);
        return client;
    }

    private static async Task<int> ReadToEndAsync(TcpClient client)
    {
        try
        {
            return await client.GetStream().ReadAsync(new byte[100]).AsTask().WaitAsync(Eventually.Promptly);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private async Task AssertWorks()
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.BootstrapServers }).Build();
        Assert.That((await Task.Run(() => admin.GetMetadata(Eventually.Promptly))).Brokers, Has.Count.EqualTo(1));
    }
}
