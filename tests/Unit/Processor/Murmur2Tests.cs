using System.Text;
using Tally.ProcessorService.Jobs.HourlyAnalytics;

namespace Tally.Tests.Unit.Processor;

public sealed class Murmur2Tests
{
    // Vectors of Kafka's own UtilsTest.
    [TestCase("21", -973932308)]
    [TestCase("foobar", -790332482)]
    [TestCase("a-little-bit-long-string", -985981536)]
    [TestCase("a-little-bit-longer-string", -1486304829)]
    [TestCase("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [TestCase("abc", 479470107)]
    public void It_hashes_as_Kafka_does(string text, int expected) => Assert.That((int)Murmur2.Hash(Encoding.UTF8.GetBytes(text)), Is.EqualTo(expected));

    [Test]
    public void A_partition_is_never_negative() =>
        Assert.That(Murmur2.Partition("21"u8, 8), Is.EqualTo((-973932308 & 0x7fffffff) % 8));
}
