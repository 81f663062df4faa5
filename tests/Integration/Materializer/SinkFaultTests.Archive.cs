using Tally.Shared.Archive;
using Tally.Tests.Integration.Archive;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Materializer;

/// <summary>The archive's file deleted, replaced, or never one.</summary>
public sealed partial class SinkFaultTests
{
    [TestCase(false, TestName = "{m}_deleted")]
    [TestCase(true, TestName = "{m}_replaced_by_an_empty_one")]
    public async Task A_deleted_archive_is_noticed_and_filled_again_while_the_service_runs(bool replaced)
    {
        Commit(hour: _hour - 1000, clicks: 7);
        Commit(clicks: 1);
        await RunAsync();
        await HoldsAsync(_archive.Reader, 1);
        // As query-service, which keeps its connections too.
        var other = new SqlHourArchive(_archive.Open());
        await HoldsAsync(other, 1);

        _archive.DeleteFiles();
        if (replaced) await (await TemporaryArchive.CreateAsync()).MoveToAsync(_archive);
        Commit(clicks: 2);

        await HoldsAsync(other, 2);
        await HoldsAsync(_archive.Reader, 2);
        Assert.That((await other.ReadAsync(_hour - 1000, CancellationToken.None)).Counts.Clicks, Is.EqualTo(7), "what was read before came back");
        await Eventually.HoldsAsync("the archive's sink is well", () => Task.FromResult(_sinks!.Archive.Trouble is null));
    }

    [Test]
    public async Task An_archive_that_is_no_database_stops_the_service_with_a_sentence_that_names_the_key()
    {
        await _archive.WriteFileAsync("hello, I am a text and not at all a database");
        await RunAsync();

        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(_sinks.Life.Logger.All, Does.Contain("file is not a database").And.Contain("Archive:ConnectionString"));
    }

    [Test]
    public async Task An_archive_whose_folder_is_a_file_stops_the_service_with_a_sentence_that_names_the_key()
    {
        await _archive.WriteFileAsync("here should be a folder", inPlaceOfFolder: true);
        await RunAsync();

        await _sinks!.Life.Stopped.WaitAsync(Eventually.Patience);
        Assert.That(_sinks.Life.Logger.All, Does.Contain("cannot be used").And.Contain("Archive:ConnectionString"));
    }
}
