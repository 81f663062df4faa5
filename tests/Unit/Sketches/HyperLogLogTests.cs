using System.Buffers.Binary;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Sketches;

public sealed class HyperLogLogTests
{
    [TestCase(100, 0.0001)]
    [TestCase(2_000, 0.0002)]
    [TestCase(3_000, 0.01)]
    [TestCase(10_000, 0.01)]
    [TestCase(50_000, 0.01)]
    [TestCase(200_000, 0.01)]
    public void The_error_over_100_seeds_stays_below_1_percent(int count, double rmsMax)
    {
        double squares = 0, sum = 0;
        for (var seed = 1; seed <= 100; seed++)
        {
            var error = ((double)Of(seed, count).Estimate() / count) - 1;
            squares += error * error;
            sum += error;
        }
        TestContext.Out.WriteLine($"{count}: root mean square {Math.Sqrt(squares / 100):P3}, mean {sum / 100:P3} over seeds 1 to 100");
        Assert.Multiple(() =>
        {
            Assert.That(Math.Sqrt(squares / 100), Is.LessThanOrEqualTo(rmsMax));
            // No bias: the mean of 100 lies within three of its standard errors.
            Assert.That(Math.Abs(sum / 100), Is.LessThanOrEqualTo(3 * HyperLogLog.DenseStandardError / 10));
        });
    }

    [Test]
    public void Five_million_are_estimated_within_three_standard_errors() =>
        Assert.That(Of(5, 5_000_000).Estimate(), Is.EqualTo(5_000_000).Within(3 * HyperLogLog.DenseStandardError * 100).Percent);

    [Test]
    public void Nothing_added_is_zero_and_the_same_hash_again_changes_nothing()
    {
        var sketch = new HyperLogLog();
        Assert.That(sketch.Estimate(), Is.Zero);
        Assert.That(sketch.Add(new UInt128(123, 4)), Is.True);
        Assert.That(sketch.Add(new UInt128(123, 4)), Is.False);
        Assert.That(sketch.Estimate(), Is.EqualTo(1));
    }

    [Test]
    public void The_union_of_parts_is_the_sketch_of_the_whole([Values(0, 500, 2_500, 40_000)] int left, [Values(0, 700, 2_600, 30_000)] int right)
    {
        var whole = new HyperLogLog();
        var (a, b) = (Of(1, left), Of(2, right));
        foreach (var hash in Hashes(1, left).Concat(Hashes(2, right)).Reverse()) whole.Add(hash);
        a.Merge(b);

        Assert.That(HyperLogLogFormat.Write(a), Is.EqualTo(HyperLogLogFormat.Write(whole)));
    }

    [Test]
    public void Registers_are_the_same_whichever_way_they_came_about()
    {
        // One grew out of the sparse form, one took every hash as registers: the plain definition of HyperLogLog.
        var hashes = Hashes(9, 60_000).ToList();
        var ranks = new int[1 << HyperLogLog.Precision];
        foreach (var hash in hashes)
        {
            var bits = Convert.ToString((long)(ulong)(hash >> 64), 2).PadLeft(64, '0');
            var register = Convert.ToInt32(bits[..14], 2);
            ranks[register] = Math.Max(ranks[register], bits.IndexOf('1', 14) is var first and >= 0 ? first - 13 : 51);
        }
        var stored = HyperLogLogFormat.Write(Of(9, 60_000));

        Assert.That(Enumerable.Range(0, ranks.Length).Select(i => Bits(stored, 16 + (6 * i))), Is.EqualTo(ranks));
    }

    [Test]
    public void What_is_stored_comes_back([Values(0, 1, 2_047, 2_048, 2_049, 100_000)] int count)
    {
        var sketch = Of(3, count);
        var stored = HyperLogLogFormat.Write(sketch);
        var read = HyperLogLogFormat.Read(stored);

        Assert.Multiple(() =>
        {
            Assert.That(read.Estimate(), Is.EqualTo(sketch.Estimate()));
            Assert.That(read.IsSparse, Is.EqualTo(sketch.IsSparse));
            Assert.That(HyperLogLogFormat.Write(read), Is.EqualTo(stored));
            Assert.That(stored, Has.Length.LessThanOrEqualTo(12_290));
        });
    }

    [Test]
    public void The_stored_form_stays_as_it_was_released()
    {
        var sketch = new HyperLogLog();
        foreach (var bits in new[] { 0x0123_4567_89ab_cdefUL, 0x0123_4540_89ab_cdefUL, 0xffff_ffff_ffff_ffffUL, 0UL }) sketch.Add(new UInt128(bits, 7));

        Assert.That(Convert.ToHexString(HyperLogLogFormat.Write(sketch)), Is.EqualTo("010027A08A8D09FAF4F2F60F"));
    }

    [Test]
    public void Damage_and_newer_versions_are_refused()
    {
        var dense = HyperLogLogFormat.Write(Of(4, 9_000));
        var sparse = HyperLogLogFormat.Write(Of(4, 9));
        Assert.Multiple(() =>
        {
            Assert.That(() => HyperLogLogFormat.Read([]), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => HyperLogLogFormat.Read([2, 0]), Throws.TypeOf<InvalidDataException>().With.Message.Contains("version 2"));
            Assert.That(() => HyperLogLogFormat.Read([1, 2]), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => HyperLogLogFormat.Read(dense.AsSpan(0, dense.Length - 1)), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => HyperLogLogFormat.Read([.. dense.AsSpan(0, 2), .. Enumerable.Repeat((byte)0xff, 12_288)]), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => HyperLogLogFormat.Read([.. sparse, 0x80]), Throws.TypeOf<InvalidDataException>());
            Assert.That(() => HyperLogLogFormat.Read([.. sparse, 0]), Throws.TypeOf<InvalidDataException>());
        });
    }

    private static HyperLogLog Of(int seed, int count)
    {
        var sketch = new HyperLogLog();
        foreach (var hash in Hashes(seed, count)) sketch.Add(hash);
        return sketch;
    }

    private static IEnumerable<UInt128> Hashes(int seed, int count)
    {
        var random = new Random(seed);
        var bytes = new byte[16];
        for (var i = 0; i < count; i++)
        {
            random.NextBytes(bytes);
            yield return BinaryPrimitives.ReadUInt128LittleEndian(bytes);
        }
    }

    private static int Bits(byte[] bytes, int from) => ((bytes[from / 8] | ((from / 8) + 1 < bytes.Length ? bytes[(from / 8) + 1] << 8 : 0)) >> (from % 8)) & 63;
}
