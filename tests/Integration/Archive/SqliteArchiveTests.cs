using Tally.Shared.Archive;

namespace Tally.Tests.Integration.Archive;

public sealed class SqliteArchiveTests
{
    [Test]
    public async Task A_file_without_our_tables_is_an_archive_not_ready()
    {
        await using var archive = TemporaryArchive.Missing();
        Directory.CreateDirectory(Path.GetDirectoryName(archive.ConnectionString["Data Source=".Length..])!);
        await archive.ScalarAsync("CREATE TABLE other (a INTEGER)");

        Assert.That(async () => await archive.Reader.ReadAsync(490_000, CancellationToken.None), Throws.InstanceOf<ArchiveNotReadyException>());
    }
}
