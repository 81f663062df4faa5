using System.Text;

namespace Tally.Tests.Integration.Command;

public sealed class JavaPartitionerTests
{
    // From the tests of Kafka's own client (UtilsTest.testMurmur2).
    [TestCase("21", -973932308)]
    [TestCase("foobar", -790332482)]
    [TestCase("a-little-bit-long-string", -985981536)]
    [TestCase("a-little-bit-longer-string", -1486304829)]
    [TestCase("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [TestCase("abc", 479470107)]
    public void The_partitioner_we_compare_with_is_that_of_Java(string key, int hash) =>
        Assert.That(JavaPartitioner.Murmur2(Encoding.ASCII.GetBytes(key)), Is.EqualTo(hash));
}
