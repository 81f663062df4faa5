using Confluent.Kafka;

namespace Tally.Tests.Integration.LocalBroker.Clients;

/// <summary>Which librdkafka all tests of this folder's neighbours ran on.</summary>
public sealed class LibraryTests : BrokerFixture
{
    [Test]
    public void The_newer_librdkafka_is_the_one_in_use()
    {
        TestContext.Out.WriteLine($"librdkafka {Library.VersionString}");
        if (Environment.GetEnvironmentVariable("TALLY_LIBRDKAFKA") is not { Length: > 0 } folder
            || Environment.GetEnvironmentVariable("LD_LIBRARY_PATH") != folder)
            Assert.Ignore("This run is on the system's librdkafka; `make clients` with TALLY_LIBRDKAFKA runs all of it on a newer one too.");
        Assert.That(Library.Version, Is.GreaterThan(0x020002ff));
    }
}
