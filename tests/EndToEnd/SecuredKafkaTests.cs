using System.Globalization;
using System.Net;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd;

/// <summary>All services through TLS and SASL/PLAIN, set by Kafka:Client alone; and what they say when the password or the CA is wrong.</summary>
public sealed class SecuredKafkaTests : IDisposable
{
    private BrokerSecrets _secrets = null!;

    [SetUp]
    public void MakeSecrets() => _secrets = new BrokerSecrets();

    [TearDown]
    public void Dispose() => _secrets?.Dispose();

    [Test]
    public async Task What_is_posted_is_read_through_TLS_and_a_login()
    {
        await using var pipeline = await Pipeline.StartAsync(Settings(_secrets.Client()), brokerOptions: _secrets.BrokerOptions);
        var hour = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 3_600_000;
        var events = new EventSource(1).Make(500, 50, [hour], retries: 0.2);
        var oracle = new HourOracle();
        foreach (var e in events) oracle.Count(e);
        await new Poster(pipeline).PostAllAsync(events, connections: 8);
        var timestamp = (hour * 3_600_000).ToString(CultureInfo.InvariantCulture);
        await Eventually.HoldsAsync($"the hour reads {oracle.Body(hour)}", async () =>
            await pipeline.Http.GetStringAsync(pipeline.QueryAt($"/analytics?timestamp={timestamp}")) == oracle.Body(hour));
        Assert.That(pipeline.Logs, Does.Not.Contain(BrokerSecrets.Password));
    }

    [TestCase(true, "Kafka refuses the login: check Kafka:Client:sasl.username and Kafka:Client:sasl.password.")]
    [TestCase(false, "The certificate of Kafka is not trusted: set Kafka:Client:ssl.ca.location to the CA that signed it.")]
    public async Task A_wrong_password_or_CA_is_one_sentence_in_each_log_and_in_readiness(bool wrongPassword, string sentence)
    {
        using var others = new BrokerSecrets();
        var client = wrongPassword ? _secrets.Client(password: "wrong") : others.Client();
        await using var pipeline = new Pipeline(Settings(client), brokerOptions: _secrets.BrokerOptions);
        pipeline.Broker.Start();
        pipeline.Redis.Start();
        ServiceProcess[] clients = [pipeline.Command, pipeline.Processor, pipeline.Materializer];
        foreach (var service in clients) service.Start();
        foreach (var service in clients)
        {
            await Eventually.HoldsAsync($"{service.Name} says why it is not ready", async () =>
            {
                using var answer = await pipeline.Http.GetAsync(pipeline.ReadinessOf(service));
                return answer.StatusCode == HttpStatusCode.ServiceUnavailable && (await answer.Content.ReadAsStringAsync()).Contains(sentence, StringComparison.Ordinal);
            });
        }

        // Each of the clients in a service has tried several times by now.
        await Task.Delay(3000);
        Assert.Multiple(() =>
        {
            foreach (var service in clients)
            {
                var lines = service.Log.Split('\n');
                Assert.That(lines.Count(l => l.Contains(sentence, StringComparison.Ordinal) && l.Contains("\"EventId\":9003", StringComparison.Ordinal)), Is.EqualTo(1), service.Log);
                Assert.That(lines, Has.None.Contains("SASL authentication error").And.None.Contains("handshake failed"), service.Log);
            }
        });
    }

    private static Dictionary<string, string> Settings(Dictionary<string, string> client) =>
        client.ToDictionary(c => $"Kafka__Client__{c.Key}", c => c.Value);
}
