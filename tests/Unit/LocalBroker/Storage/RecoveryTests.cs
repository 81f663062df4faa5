using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class RecoveryTests : IAsyncDisposable
{
    private TestLog _log = null!;

    [SetUp]
    public void ThreeBatches()
    {
        _log = new TestLog();
        foreach (string key in new[] { "a", "b", "c" })
            _log.Append(TestBatch.Of(key));
    }

    [TearDown]
    public async ValueTask DisposeAsync() => await _log.DisposeAsync();

    [Test]
    public void A_torn_tail_of_any_length_is_cut_at_start()
    {
        int last = TestBatch.Of("c").Build().Length;
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        for (int cut = 1; cut < last; cut++)
        {
            File.WriteAllBytes(_log.ActiveFile, whole[..^cut]);
            _log.Reopen();
            Assert.That(_log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a", "b" }), $"{cut} bytes cut");
            Assert.That(_log.Append(TestBatch.Of("d")).BaseOffset, Is.EqualTo(2));
            Assert.That(_log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a", "b", "d" }));
            _log.Close();
        }
    }

    [TestCase(1)]
    [TestCase(4096)]
    public void Zeros_behind_the_last_batch_are_cut(int zeros)
    {
        _log.Close();
        File.AppendAllBytes(_log.ActiveFile, new byte[zeros]);
        _log.Reopen();
        Assert.That(_log.Read(), Has.Count.EqualTo(3));
        Assert.That(_log.Append(TestBatch.Of("d")).BaseOffset, Is.EqualTo(3));
    }

    [Test]
    public void A_flipped_bit_before_valid_batches_refuses_the_start()
    {
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        int middle = whole.Length / 2;
        whole[middle] ^= 1;
        File.WriteAllBytes(_log.ActiveFile, whole);
        var refused = Assert.Throws<DataFolderException>(() => _log.Reopen());
        Assert.That(refused!.Message, Does.Contain(_log.ActiveFile).And.Contain("--repair"));
        Assert.That(File.ReadAllBytes(_log.ActiveFile), Is.EqualTo(whole), "a refusal touches nothing");

        _log.Reopen(RecoveryMode.Repair);
        Assert.That(_log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a" }));
        Assert.That(Directory.GetFiles(_log.Folder, "*.damaged-*"), Has.Length.EqualTo(1), "what was cut is kept aside");
    }

    [Test]
    public void A_flipped_bit_that_a_checkpoint_hides_is_never_served()
    {
        _log.Reopen(clean: true);
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        whole[^2] ^= 1;
        File.WriteAllBytes(_log.ActiveFile, whole);
        _log.Reopen();
        Assert.That(_log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a", "b" }));
        using var writer = new WireWriter();
        Assert.That(_log.Log.Read(_log.Log.Plan(2, 1000, false), true, writer), Is.EqualTo((0, ErrorCode.CorruptMessage)));
    }

    [Test]
    public void A_checkpoint_is_trusted_only_if_the_log_reaches_it()
    {
        _log.Reopen(clean: true);
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        File.WriteAllBytes(_log.ActiveFile, whole[..^5]);
        _log.Reopen();
        Assert.That(_log.Read(), Has.Count.EqualTo(2));
        Assert.That(_log.Log.EndOffset, Is.EqualTo(2));
    }

    [Test]
    public void A_damaged_or_missing_checkpoint_is_rebuilt_from_the_log()
    {
        _log.Log.AppendMarker(9, 0, commit: false);
        _log.Log.Checkpoint(everything: true);
        string checkpoint = Directory.GetFiles(_log.Folder, "*.checkpoint").Single();
        byte[] content = File.ReadAllBytes(checkpoint);
        content[^3] ^= 0x10;
        File.WriteAllBytes(checkpoint, content);
        _log.Reopen();
        Assert.That(_log.Read(), Has.Count.EqualTo(3));
        File.Delete(checkpoint);
        _log.Reopen();
        Assert.That(_log.Read(), Has.Count.EqualTo(3));
    }

    [Test]
    public void An_open_transaction_and_aborted_ones_are_known_again()
    {
        TestBatch open = new() { ProducerId = 5, Epoch = 0, Sequence = 0, Transactional = true };
        _log.Append(open);
        _log.Log.AppendMarker(5, 0, commit: false);
        _log.Append(open with { Sequence = 1 });
        foreach (bool clean in new[] { false, true })
        {
            _log.Reopen(clean: clean);
            Assert.That(_log.Log.Offsets.LastStable, Is.EqualTo(5));
            Assert.That(_log.Log.HasOpenTransaction(5));
            Assert.That(_log.Log.Plan(0, 10_000, committedOnly: true).Aborted, Is.EqualTo(new[] { new AbortedRange(5, 3, 4) }));
        }
    }

    [Test]
    public void A_newer_file_format_is_refused_with_a_sentence()
    {
        _log.Log.DeleteBefore(1);
        _log.Close();
        string file = Path.Combine(_log.Folder, "log-start");
        byte[] content = File.ReadAllBytes(file);
        content[5] = 99;
        File.WriteAllBytes(file, content);
        Assert.That(() => _log.Reopen(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("newer local-broker"));
    }
}
