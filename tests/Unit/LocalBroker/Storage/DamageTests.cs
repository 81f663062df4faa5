using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

/// <summary>
/// What a broken disk leaves of a log: a torn tail is cut and reported, damage before valid data refuses the start, and nothing is ever served that was not
/// appended.
/// </summary>
public sealed class DamageTests : IAsyncDisposable
{
    private TestLog _log = null!;
    private List<(long Offset, string? Key, string? Value)> _appended = null!;

    [SetUp]
    public void FewBatches()
    {
        _log = new TestLog();
        _log.Append(TestBatch.Of("a", "b"));
        _log.Append(TestBatch.Of("c") with { ProducerId = 7, Epoch = 0, Sequence = 0, Transactional = true });
        _log.Log.AppendMarker(7, 0, commit: false);
        _log.Append(TestBatch.Of("d", "e", "f"));
        _appended = _log.Read();
    }

    [TearDown]
    public async ValueTask DisposeAsync() => await _log.DisposeAsync();

    [Test]
    public void Up_to_two_hundred_bytes_off_the_end_cost_the_torn_batches_only()
    {
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        int[] ends = Ends(whole);
        for (int cut = 1; cut <= 200; cut++)
        {
            File.WriteAllBytes(_log.ActiveFile, whole[..^cut]);
            _log.Lines.Lines.Clear();
            _log.Reopen();
            int valid = ends.Last(e => e <= whole.Length - cut);
            Assert.That(new FileInfo(_log.ActiveFile).Length, Is.EqualTo(valid), $"{cut} bytes off");
            Assert.That(_log.Read(), Is.EqualTo(_appended.Take(_log.Read().Count)));
            if (whole.Length - cut > valid)
                Assert.That(_log.Lines.Lines, Has.Some.Contains($"cut {whole.Length - cut - valid} bytes"));
            _log.Close();
        }
    }

    [TestCase(false, Description = "the log alone")]
    [TestCase(true, Description = "a checkpoint vouches for the damaged bytes")]
    public void Whichever_bit_flips_nothing_wrong_is_served(bool checkpoint)
    {
        _log.Reopen(clean: checkpoint);
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        for (int bit = 0; bit < whole.Length * 8; bit++)
        {
            byte[] flipped = [.. whole];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(_log.ActiveFile, flipped);
            _log.Lines.Lines.Clear();
            try
            {
                _log.Reopen();
                ServesOnlyWhatWasAppended($"bit {bit}");
                Assert.That(_log.Lines.Lines, Is.Not.Empty, $"bit {bit}: nobody said anything");
            }
            catch (DataFolderException refused)
            {
                Assert.That(refused.Message, Does.Contain(_log.ActiveFile), $"bit {bit}");
                Assert.That(File.ReadAllBytes(_log.ActiveFile), Is.EqualTo(flipped), "a refusal touches nothing");
            }

            _log.Close();
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Four_KiB_of_zeros_at_the_end_are_not_served(bool checkpoint)
    {
        for (int i = 0; i < 200; i++)
            _log.Append(TestBatch.Of($"more {i}"));
        _appended = _log.Read();
        _log.Reopen(clean: checkpoint);
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        whole.AsSpan(whole.Length - 4096).Clear();
        File.WriteAllBytes(_log.ActiveFile, whole);
        _log.Lines.Lines.Clear();
        _log.Reopen();
        ServesOnlyWhatWasAppended("zeros");
        Assert.That(_log.Read(), Has.Count.GreaterThan(100));
        Assert.That(_log.Lines.Lines, Is.Not.Empty);
    }

    [Test]
    public async Task A_missing_segment_in_the_middle_or_at_the_front_refuses_the_start()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 100 });
        for (int i = 0; i < 4; i++)
            log.Append(TestBatch.Of($"key {i}"));
        log.Log.DeleteBefore(1);
        log.Close();
        string[] segments = [.. Directory.GetFiles(log.Folder, "*.log").Order()];
        foreach (string missing in segments[..^1])
        {
            File.Move(missing, missing + ".elsewhere");
            if (missing == segments[0])
            {
                // All of it was deleted by a client: nothing is missed.
                log.Reopen();
                log.Close();
            }
            else
            {
                Assert.That(() => log.Reopen(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("lacks the segment"));
            }

            File.Move(missing + ".elsewhere", missing);
        }

        File.Delete(segments[0]);
        File.Delete(segments[1]);
        Assert.That(() => log.Reopen(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("lacks the segment"));
        log.Reopen(RecoveryMode.Repair);
        Assert.That(log.Read(2).Select(r => r.Key), Is.EqualTo(new[] { "key 2", "key 3" }));
    }

    [Test]
    public void Records_deleted_by_a_client_and_then_lost_leave_a_gap_that_is_no_damage()
    {
        _log.Log.DeleteBefore(-1);
        _log.Close();
        File.WriteAllBytes(_log.ActiveFile, []);
        _log.Reopen();
        Assert.That(_log.Append(TestBatch.Of("next")).BaseOffset, Is.EqualTo(7));
        _log.Reopen();
        Assert.That(_log.Read(7), Has.Count.EqualTo(1));
    }

    [Test]
    public void A_batch_of_a_newer_format_is_refused_rather_than_cut()
    {
        _log.Close();
        byte[] whole = File.ReadAllBytes(_log.ActiveFile);
        whole[Ends(whole)[^2] + 16] = 3;
        File.WriteAllBytes(_log.ActiveFile, whole);
        Assert.That(() => _log.Reopen(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("newer local-broker"));
    }

    [Test]
    public void Leftover_temporary_files_are_removed()
    {
        _log.Close();
        string[] leftovers = ["00000000000000000000.checkpoint.tmp", "log-start.tmp", "00000000000000000000.log.cleaned"];
        foreach (string name in leftovers)
            File.WriteAllText(Path.Combine(_log.Folder, name), "half of some");
        _log.Reopen();
        Assert.That(_log.Read(), Is.EqualTo(_appended));
        Assert.That(Directory.GetFiles(_log.Folder).Select(Path.GetFileName), Has.None.AnyOf(leftovers));
    }

    private static int[] Ends(byte[] log)
    {
        var ends = new List<int> { 0 };
        while (ends[^1] < log.Length)
            ends.Add(ends[^1] + BatchHeader.Read(log.AsSpan(ends[^1])).Size);
        return [.. ends];
    }

    // From every offset, as clients would ask after an error.
    private void ServesOnlyWhatWasAppended(string what)
    {
        for (long offset = 0; offset <= _appended[^1].Offset; offset++)
        {
            using var writer = new WireWriter();
            ReadPlan plan = _log.Log.Plan(offset, 1 << 20, committedOnly: false);
            if (plan.Error == ErrorCode.None && _log.Log.Read(plan, atLeastOne: true, writer).Bytes > 0)
                Assert.That(TestBatch.Parse(writer.Written.Span), Is.SubsetOf(_appended), $"{what}, from {offset}");
        }
    }
}
