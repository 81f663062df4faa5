using System.Text;
using Tally.LocalBroker.Storage;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class ZstdTests
{
    // `printf 'hello hello hello hello hello hello hello hello' | zstd`, with a checksum and no content size.
    private const string Hello = "28B52FFD04006500003068656C6C6F2001000295225AB1761B";

    [OneTimeSetUp]
    public static void RequireLibrary()
    {
        if (!Zstd.IsAvailable)
            Assert.Ignore("libzstd is not installed.");
    }

    [Test]
    public void What_another_program_packed_is_unpacked() =>
        Assert.That(Encoding.UTF8.GetString(Zstd.Unpack(Convert.FromHexString(Hello), 1000)), Is.EqualTo("hello hello hello hello hello hello hello hello"));

    [Test]
    public void Several_chunks_come_out_whole() =>
        Assert.That(Zstd.Unpack(PackedRecords.ZstdRuns(5), 1 << 20), Is.EqualTo(Enumerable.Repeat((byte)'a', 5 * 128 * 1024).ToArray()).AsCollection);

    [Test]
    public void Every_cut_and_too_much_is_refused()
    {
        byte[] whole = Convert.FromHexString(Hello);
        for (int length = 0; length < whole.Length; length++)
            Assert.That(() => Zstd.Unpack(whole.AsSpan(0, length), 1000), Throws.InstanceOf<InvalidDataException>(), $"{length} bytes");
        Assert.That(() => Zstd.Unpack(whole, 20), Throws.InstanceOf<InvalidDataException>());
        Assert.That(() => Zstd.Unpack(PackedRecords.ZstdRuns(100), 1 << 20), Throws.InstanceOf<InvalidDataException>());
    }
}
