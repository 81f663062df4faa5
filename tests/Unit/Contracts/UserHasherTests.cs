using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.Tests.Unit.Contracts;

public sealed class UserHasherTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly UserHasher Hasher = new(Key);

    [Test]
    public void Users_are_hashed_with_the_first_half_of_the_key_and_ids_with_the_second()
    {
        var user = Hasher.HashUser("somebody"u8);
        var scoped = new byte[16 + 3];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128LittleEndian(scoped, user);
        "one"u8.CopyTo(scoped.AsSpan(16));

        Assert.Multiple(() =>
        {
            Assert.That(user, Is.EqualTo(new SipHash128(Key.AsSpan(0, 16)).Hash("somebody"u8)));
            Assert.That(Hasher.HashId(user, "one"u8), Is.EqualTo(new SipHash128(Key.AsSpan(16)).Hash(scoped)));
        });
    }

    [Test]
    public void The_same_id_of_two_users_is_two_ids() =>
        Assert.That(Hasher.HashId(Hasher.HashUser("a"u8), "1"u8), Is.Not.EqualTo(Hasher.HashId(Hasher.HashUser("b"u8), "1"u8)));

    [Test]
    public void An_id_never_passes_for_a_user_of_the_same_bytes()
    {
        var user = Hasher.HashUser("a"u8);
        var scoped = new byte[17];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128LittleEndian(scoped, user);
        scoped[16] = (byte)'1';
        Assert.That(Hasher.HashUser(scoped), Is.Not.EqualTo(Hasher.HashId(user, "1"u8)));
    }

    [Test]
    public void The_fingerprint_tells_keys_apart_and_is_stable()
    {
        var other = (byte[])Key.Clone();
        other[31] ^= 1;
        Assert.Multiple(() =>
        {
            Assert.That(new UserHasher(other).Fingerprint, Is.Not.EqualTo(Hasher.Fingerprint));
            Assert.That(Hasher.Fingerprint, Is.EqualTo("83db9d733f94a65d"), "a stored format");
        });
    }

    [Test]
    public void A_key_comes_from_a_file_or_a_value_and_its_absence_is_one_sentence()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, Convert.ToHexString(Key) + "\n");
            Assert.Multiple(() =>
            {
                Assert.That(new HashKeyOptions { File = file }.CreateHasher().Fingerprint, Is.EqualTo(Hasher.Fingerprint));
                Assert.That(new HashKeyOptions { Value = Convert.ToHexString(Key) }.CreateHasher().Fingerprint, Is.EqualTo(Hasher.Fingerprint));
                Assert.That(() => new HashKeyOptions().CreateHasher(), Throws.TypeOf<ConfigurationException>().With.Message.Contains("HashKey:File"));
                Assert.That(() => new HashKeyOptions { File = file + ".none" }.CreateHasher(), Throws.TypeOf<ConfigurationException>());
            });
            File.WriteAllText(file, "abc");
            Assert.That(() => new HashKeyOptions { File = file }.CreateHasher(),
                Throws.TypeOf<ConfigurationException>().With.Message.Contains("64 hex digits"));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
