using System.Globalization;
using System.Net.Sockets;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.LocalBroker.Storage;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>TLS and SASL/PLAIN on the listener: who knows the password gets in, nobody else, and no password is ever written down.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SecurityTests : IDisposable
{
    private BrokerSecrets _secrets = null!;
    private TestBroker _broker = null!;

    [SetUp]
    public async Task StartBroker()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
        _secrets = new BrokerSecrets();
        _broker = await TestBroker.StartAsync(o => o with
        {
            TlsCertificate = _secrets.CertificateFile,
            TlsKey = _secrets.KeyFile,
            SaslUsersFile = _secrets.UsersFile,
        });
    }

    [TearDown]
    public async Task StopBroker()
    {
        await _broker.DisposeAsync();
        Dispose();
    }

    public void Dispose() => _secrets?.Dispose();

    [Test]
    public async Task A_client_with_the_password_and_the_CA_produces_and_consumes()
    {
        Dictionary<string, string> client = Client(_secrets.Client());
        using (IAdminClient admin = new AdminClientBuilder(client).Build())
            await admin.CreateTopicsAsync([new TopicSpecification { Name = "events", NumPartitions = 1, ReplicationFactor = 1 }]);
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(client).Build();
        // Larger than one TLS record and than one buffer of the pipes.
        string value = new('x', 300_000);
        await producer.ProduceAsync("events", new Message<Null, string> { Value = value });
        client["group.id"] = "readers";
        client["auto.offset.reset"] = "earliest";
        using IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(client).Build();
        consumer.Subscribe("events");
        Assert.That(consumer.Consume(Eventually.Patience)?.Message.Value, Is.EqualTo(value));
    }

    [Test]
    public void A_wrong_password_is_refused_with_a_sentence()
    {
        Error error = FirstError(_secrets.Client(password: "wrong"));
        Assert.That(error.Code, Is.EqualTo(ErrorCode.Local_Authentication), error.Reason);
        Assert.That(error.Reason, Does.Contain("The user name or the password is wrong."));
    }

    [Test]
    public void A_client_with_another_CA_does_not_connect()
    {
        using var others = new BrokerSecrets();
        Dictionary<string, string> client = _secrets.Client();
        client["ssl.ca.location"] = others.CaFile;
        Error error = FirstError(client);
        Assert.That(error.Reason, Does.Contain("certificate verify failed").IgnoreCase, error.ToString());
    }

    [Test]
    public void A_client_without_TLS_does_not_connect()
    {
        // Newer clients tell no error of their own for a connection that is closed: only asking shows it.
        using IAdminClient admin = new AdminClientBuilder(Client([])).SetLogHandler((_, _) => { }).Build();
        Assert.That(
            () => admin.GetMetadata(TimeSpan.FromSeconds(2)),
            Throws.InstanceOf<KafkaException>().With.Property(nameof(KafkaException.Error)).Property(nameof(Error.Code)).EqualTo(ErrorCode.Local_Transport));
    }

    [Test]
    public async Task Without_TLS_the_login_is_asked_for_too_and_older_clients_send_their_token_bare()
    {
        await using TestBroker broker = await TestBroker.StartAsync(o => o with { SaslUsersFile = _secrets.UsersFile });
        // Metadata 0 for all topics: no login, no answer.
        Assert.That(await AskAsync(broker, "0003000000000001ffff00000000"), Is.EqualTo(new[] { "closed" }));
        string handshake = "0011000000000001ffff0005" + Convert.ToHexString("PLAIN"u8);
        string good = Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes($"\0{BrokerSecrets.User}\0{BrokerSecrets.Password}"));
        string bad = Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes($"\0{BrokerSecrets.User}\0else"));
        string agreed = "000000010000000000010005" + Convert.ToHexString("PLAIN"u8);
        Assert.That((await AskAsync(broker, handshake, good, "0003000000000002ffff00000000"))[..2], Is.EqualTo(new[] { agreed, "" }));
        Assert.That(await AskAsync(broker, handshake, bad), Is.EqualTo(new[] { agreed, "closed" }));
        Assert.That(await AskAsync(broker, "0024000000000001ffff0000000100"), Has.One.StartsWith("000000010022"), "a token without a handshake");
    }

    [Test]
    public void A_users_file_that_others_can_read_ends_the_start_with_a_sentence()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("Windows has no file modes.");
            return;
        }

        File.SetUnixFileMode(_secrets.UsersFile, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.That(
            () => TestBroker.StartAsync(o => o with { SaslUsersFile = _secrets.UsersFile }),
            Throws.InstanceOf<DataFolderException>().With.Message.Contains("chmod 600").And.Message.Not.Contains(BrokerSecrets.Password));
    }

    private static async Task<string[]> AskAsync(TestBroker broker, params string[] requests)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", broker.Server.Port);
        NetworkStream stream = client.GetStream();
        var answers = new List<string>();
        foreach (string request in requests)
        {
            try
            {
                await stream.WriteAsync(Convert.FromHexString((request.Length / 2).ToString("x8", CultureInfo.InvariantCulture) + request));
                var head = new byte[4];
                await stream.ReadExactlyAsync(head).AsTask().WaitAsync(Eventually.Promptly);
                var answer = new byte[System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(head)];
                await stream.ReadExactlyAsync(answer);
                answers.Add(Convert.ToHexString(answer));
            }
            catch (IOException)
            {
                answers.Add("closed");
                break;
            }
        }

        return [.. answers];
    }

    private Dictionary<string, string> Client(Dictionary<string, string> security) =>
        new(security) { ["bootstrap.servers"] = _broker.BootstrapServers, ["socket.timeout.ms"] = "5000", ["log_level"] = "0" };

    private Error FirstError(Dictionary<string, string> security)
    {
        using var told = new BlockingSlot();
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(Client(security)).SetErrorHandler((_, e) => told.Put(e)).Build();
        return told.Take(Eventually.Patience);
    }

    private sealed class BlockingSlot : IDisposable
    {
        private readonly SemaphoreSlim _there = new(0);
        private volatile Error? _first;

        public void Put(Error error)
        {
            // That all brokers are down follows from the first error and says nothing.
            if (_first is not null || error.Code == ErrorCode.Local_AllBrokersDown)
                return;
            _first = error;
            _there.Release();
        }

        public Error Take(TimeSpan limit) => _there.Wait(limit) ? _first! : throw new AssertionException("no error was told");

        public void Dispose() => _there.Dispose();
    }
}
