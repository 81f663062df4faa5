using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Hosting;

public sealed class KafkaRefusalTests
{
    private const string Check = "Kafka refuses the login: check Kafka:Client:sasl.username and Kafka:Client:sasl.password.";

    [TestCase("PLAIN", 0x02_00_02_ff, Check)]
    [TestCase("SCRAM-SHA-512", 0x02_06_01_ff, Check)]
    [TestCase("SCRAM-SHA-512", 0x02_00_02_ff, Check + " librdkafka 2.0.2 cannot log in to Kafka 4 by SCRAM, 2.6.1 and newer can: use PLAIN over TLS here.")]
    public void A_refused_login_says_when_it_may_be_the_library_and_not_the_password(string mechanism, int version, string sentence) =>
        Assert.That(KafkaRefusal.LoginSentence($"Authentication failed due to invalid credentials with SASL mechanism {mechanism}", version), Is.EqualTo(sentence));
}
