using FsCheck;
using FsCheck.Fluent;
using Tally.ProcessorService.State;

namespace Tally.Tests.Unit.Processor;

public sealed class DistinctSetTests
{
    [FsCheck.NUnit.Property(MaxTest = 200)]
    public Property It_says_new_exactly_when_a_hash_set_does() =>
        // Few different low bits, so that long runs of taken slots occur, and zero, which marks a free slot.
        Prop.ForAll(Gen.ListOf(Gen.Choose(0, 40).SelectMany(high => Gen.Choose(0, 6).Select(low => new UInt128((ulong)high, (ulong)low)))).ToArbitrary(),
            hashes =>
            {
                var set = new DistinctSet();
                var oracle = new HashSet<UInt128>();
                return hashes.All(hash => set.Add(hash) == oracle.Add(hash)) && set.Count == oracle.Count
                    && oracle.All(set.Contains) && !set.Contains(new UInt128(41, 0));
            });

    [Test]
    public void A_hundred_thousand_random_hashes_are_all_kept_in_at_most_43_bytes_each()
    {
        var random = new Random(7);
        var set = new DistinctSet();
        var oracle = new HashSet<UInt128>();
        for (var i = 0; i < 100_000; i++)
        {
            var hash = new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64());
            Assert.That(set.Add(hash), Is.EqualTo(oracle.Add(hash)));
        }
        Assert.Multiple(() =>
        {
            Assert.That(set.Count, Is.EqualTo(oracle.Count));
            Assert.That(oracle.All(set.Contains), Is.True);
            Assert.That((double)set.Bytes / set.Count, Is.LessThanOrEqualTo(43));
        });
    }

    [Test]
    public void An_empty_set_holds_nothing_and_takes_no_table()
    {
        var set = new DistinctSet();
        Assert.Multiple(() =>
        {
            Assert.That(set.Contains(UInt128.Zero), Is.False);
            Assert.That(set.Contains(UInt128.One), Is.False);
            Assert.That(set.Bytes, Is.Zero);
        });
    }
}
