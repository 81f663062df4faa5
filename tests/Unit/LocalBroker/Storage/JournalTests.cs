using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class JournalTests
{
    private string _folder = "";

    private string File1 => Path.Combine(_folder, "journal");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("tally-journal-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_torn_tail_of_any_length_is_cut_at_start()
    {
        await Write("one", "two", "three");
        byte[] whole = await File.ReadAllBytesAsync(File1);
        for (int cut = 1; cut < 8 + "three".Length; cut++)
        {
            await File.WriteAllBytesAsync(File1, whole[..^cut]);
            Assert.That(await Read(), Is.EqualTo(new[] { "one", "two" }), $"{cut} bytes cut");
            await Write("four");
            Assert.That(await Read(), Is.EqualTo(new[] { "one", "two", "four" }));
        }
    }

    [Test]
    public async Task A_flipped_bit_before_valid_entries_refuses_the_start()
    {
        await Write("one", "two", "three");
        byte[] content = await File.ReadAllBytesAsync(File1);
        content[FramedFile.HeadSize + 8 + "one".Length + 9] ^= 4;
        await File.WriteAllBytesAsync(File1, content);
        Assert.That(async () => await Read(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("--repair"));
        Assert.That(await Read(RecoveryMode.Repair), Is.EqualTo(new[] { "one" }));
    }

    [Test]
    public async Task An_entry_that_no_start_would_read_is_refused()
    {
        await Write("one", "two");
        await using (FlushScheduler flush = NewFlush())
        using (Journal journal = Open(flush, [], RecoveryMode.Refuse))
        {
            var large = new byte[(16 * 1024 * 1024) + 1];
            Assert.That(() => journal.Append(large), Throws.InstanceOf<IOException>());
            journal.Rewrite([large]);
        }

        await Write("three");
        Assert.That(await Read(), Is.EqualTo(new[] { "one", "two", "three" }));
    }

    [Test]
    public async Task A_rewrite_that_may_not_write_aside_leaves_the_journal_as_it_is()
    {
        await Write("one", "two");
        Directory.CreateDirectory(File1 + ".tmp");
        await using (FlushScheduler flush = NewFlush())
        using (Journal journal = Open(flush, [], RecoveryMode.Refuse))
        {
            journal.Rewrite([Encoding.UTF8.GetBytes("two")]);
            journal.Append("three"u8);
        }

        Assert.That(await Read(), Is.EqualTo(new[] { "one", "two", "three" }));
    }

    [Test]
    public async Task A_rewritten_journal_holds_what_it_was_given_and_goes_on()
    {
        await Write("one", "two");
        await using (FlushScheduler flush = NewFlush())
        using (Journal journal = Open(flush, [], RecoveryMode.Refuse))
        {
            journal.Rewrite([Encoding.UTF8.GetBytes("two")]);
            journal.Append("three"u8);
        }

        Assert.That(await Read(), Is.EqualTo(new[] { "two", "three" }));
    }

    [Test]
    public async Task Another_kind_or_a_newer_version_is_refused()
    {
        await Write("one");
        byte[] content = await File.ReadAllBytesAsync(File1);
        content[5]++;
        await File.WriteAllBytesAsync(File1, content);
        Assert.That(async () => await Read(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("newer"));
        content[4] = (byte)FileKind.Transactions;
        await File.WriteAllBytesAsync(File1, content);
        Assert.That(async () => await Read(), Throws.InstanceOf<DataFolderException>());
    }

    private static FlushScheduler NewFlush() => new(FlushPolicy.Never, TimeSpan.FromSeconds(1), TimeProvider.System, NullLogger.Instance);

    private Journal Open(FlushScheduler flush, List<string> read, RecoveryMode mode) =>
        Journal.Open(File1, FileKind.Groups, 1, new StorageContext(flush, mode, TimeProvider.System, NullLogger.Instance), entry => read.Add(Encoding.UTF8.GetString(entry.Span)));

    private async Task Write(params string[] entries)
    {
        await using FlushScheduler flush = NewFlush();
        using Journal journal = Open(flush, [], RecoveryMode.Refuse);
        foreach (string entry in entries)
            journal.Append(Encoding.UTF8.GetBytes(entry));
    }

    private async Task<List<string>> Read(RecoveryMode mode = RecoveryMode.Refuse)
    {
        var read = new List<string>();
        await using FlushScheduler flush = NewFlush();
        using Journal journal = Open(flush, read, mode);
        return read;
    }
}
