using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.Archive;

/// <summary>What every archive does, on each database.</summary>
public sealed class HourArchiveTests(string system) : EachDatabase(system)
{
    private const long Hour = 490_000;

    [Test]
    public async Task An_hour_is_the_sum_of_its_partitions()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 2, Partial(Hour, 0, 10, 1, 2, 3), Progress(0, 10)));
        await WriteAsync(archive, Batch(1, 0, 2, Partial(Hour, 1, 7, 10, 20, 30), Progress(1, 7)));

        var reading = await archive.Reader.ReadAsync(Hour, CancellationToken.None);

        Assert.Multiple(() =>
        {
            Assert.That(reading.State, Is.EqualTo(HourState.Complete));
            Assert.That(reading.Counts, Is.EqualTo(new HourCounts(33, 11, 22)));
            Assert.That(reading.Progress[1], Is.EqualTo(new PartitionProgress(1, 1, 7, 1000, 2)));
            Assert.That(reading.Progress.Complete, Is.True);
        });
    }

    [Test]
    public async Task An_hour_without_rows_is_absent_as_of_the_progress()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 1, Progress(0, 10, asOfMs: 77)));

        var reading = await archive.Reader.ReadAsync(Hour, CancellationToken.None);

        Assert.Multiple(() =>
        {
            Assert.That(reading.State, Is.EqualTo(HourState.Absent));
            Assert.That(reading.Counts, Is.EqualTo(default(HourCounts)));
            Assert.That(reading.Progress[0]!.Value.AsOfMs, Is.EqualTo(77));
        });
    }

    [Test]
    public async Task Counts_ahead_of_the_progress_tell_how_far_they_go()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(1, 0, 2, Partial(Hour, 1, 10, 1, 1, 1), Progress(1, 10)));
        await WriteAsync(archive, Batch(1, 2, 3, Partial(Hour, 1, 12, 2, 2, 2)));

        var reading = await archive.Reader.ReadAsync(Hour, CancellationToken.None);

        Assert.That(reading.Progress[1]!.Value.NextOffset, Is.EqualTo(10));
        Assert.That(reading.CountedTo, Is.EqualTo(new[] { 0, 12 }));
    }

    [Test]
    public async Task An_older_row_never_replaces_a_newer_one()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 4, Partial(Hour, 0, 20, 2, 2, 2), Progress(0, 20)));
        await WriteAsync(archive, Batch(0, 0, 2, Partial(Hour, 0, 10, 1, 1, 1), Progress(0, 10)));

        var reading = await archive.Reader.ReadAsync(Hour, CancellationToken.None);

        Assert.Multiple(async () =>
        {
            Assert.That(reading.Counts, Is.EqualTo(new HourCounts(2, 2, 2)));
            Assert.That(reading.Progress[0], Is.EqualTo(new PartitionProgress(1, 0, 20, 1000, 4)));
            Assert.That((await archive.Store.ReadPositionsAsync(Topic, [0, 1], CancellationToken.None)),
                Is.EquivalentTo(new Dictionary<int, long> { [0] = 4, [1] = 0 }));
        });
    }

    [Test]
    public async Task A_batch_larger_than_one_statement_is_written_whole()
    {
        await using var archive = await CreateArchiveAsync();
        var records = Enumerable.Range(0, 500).Select(i => (object)Partial(Hour + i, 0, 10, i, 0, i)).Append(Progress(0, 10)).ToArray();
        await WriteAsync(archive, Batch(0, 0, 501, records));

        Assert.Multiple(async () =>
        {
            Assert.That(await archive.ScalarAsync("SELECT COUNT(*) FROM analytics_hours"), Is.EqualTo(500));
            Assert.That((await archive.Reader.ReadAsync(Hour + 499, CancellationToken.None)).Counts.Clicks, Is.EqualTo(499));
        });
    }

    [Test]
    public async Task A_batch_that_fails_half_way_leaves_nothing()
    {
        await using var archive = await CreateArchiveAsync();
        await archive.ScalarAsync(archive.IsPostgres
            ? """
              CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$ LANGUAGE plpgsql;
              CREATE TRIGGER broken BEFORE INSERT ON progress FOR EACH ROW EXECUTE FUNCTION broken();
              """
            : "CREATE TRIGGER broken BEFORE INSERT ON progress BEGIN SELECT RAISE(ABORT, 'disk full'); END");

        var write = archive.Store.WriteAsync(Batch(0, 0, 2, Partial(Hour, 0, 10, 1, 1, 1), Progress(0, 10)), CancellationToken.None);

        Assert.Multiple(async () =>
        {
            Assert.That(async () => await write, Throws.Exception.With.Message.Contains("disk full"));
            Assert.That(await archive.ScalarAsync("SELECT COUNT(*) FROM analytics_hours"), Is.Zero);
            Assert.That(await archive.ScalarAsync("SELECT COUNT(*) FROM positions"), Is.Zero);
        });
    }

    [Test]
    public async Task A_gap_is_not_written_but_read_again()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 2, Partial(Hour, 0, 10, 1, 1, 1)));

        var result = await archive.Store.WriteAsync(Batch(0, 5, 6, Partial(Hour, 0, 20, 2, 2, 2)), CancellationToken.None);

        Assert.Multiple(async () =>
        {
            Assert.That(result.Applied, Is.False);
            Assert.That(result.Positions[0], Is.EqualTo(2));
            Assert.That((await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks, Is.EqualTo(1));
        });
    }

    [Test]
    public async Task A_topic_that_was_recreated_is_refused()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 5, Progress(0, 100)));

        Assert.That(async () => await archive.Store.WriteAsync(Batch(0, 5, 6, Progress(0, 3)), CancellationToken.None),
            Throws.InstanceOf<ConfigurationException>().With.Message.Contains("recreated"));
    }

    [Test]
    public async Task Generations_are_kept_apart_and_the_pointer_chooses()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(0, 0, 1, Partial(Hour, 0, 1, 1, 0, 1), Progress(0, 1)));
        await WriteAsync(archive, Batch(0, 1, 2, Partial(Hour, 0, 1, 5, 0, 5, generation: 2), Progress(0, 1, generation: 2)));
        var before = (await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks;
        await archive.ScalarAsync("INSERT INTO pointer (job, generation) VALUES ('analytics', 2)");
        var after = (await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks;

        Assert.That((before, after), Is.EqualTo((1, 5)));
    }

    [Test]
    public async Task An_archive_without_tables_is_not_ready_and_reading_makes_none()
    {
        await using var archive = await EmptyArchiveAsync();

        for (var i = 0; i < 2; i++)
        {
            Assert.That(async () => await archive.Reader.ReadAsync(Hour, CancellationToken.None),
                Throws.InstanceOf<ArchiveNotReadyException>().With.Message.Contains("materializer-service"));
        }
    }

    [Test]
    public async Task Migrations_may_run_again_and_from_two_processes_at_once()
    {
        await using var archive = await EmptyArchiveAsync();
        // One waits for the other, on a busy machine for longer than a second.
        var (one, other) = (archive.Open(Eventually.Patience), archive.Open(Eventually.Patience));

        await Task.WhenAll(ArchiveMigrations.RunAsync(one, CancellationToken.None), ArchiveMigrations.RunAsync(other, CancellationToken.None));
        await ArchiveMigrations.RunAsync(one, CancellationToken.None);

        Assert.That(await archive.ScalarAsync("SELECT version FROM schema_version"), Is.EqualTo(ArchiveMigrations.Known));
    }

    [Test]
    public async Task A_newer_schema_is_refused_by_writer_and_reader_with_a_sentence()
    {
        await using var archive = await CreateArchiveAsync();
        await archive.ScalarAsync("UPDATE schema_version SET version = 99");

        Assert.Multiple(() =>
        {
            Assert.That(async () => await ArchiveMigrations.RunAsync(archive.Database, CancellationToken.None),
                Throws.InstanceOf<ConfigurationException>().With.Message.Contains("schema version 99"));
            Assert.That(async () => await archive.Reader.ReadAsync(Hour, CancellationToken.None),
                Throws.InstanceOf<ArchiveNotReadyException>().With.Message.Contains("schema version 99"));
        });
    }

    [Test]
    public async Task Reading_goes_on_while_another_process_writes()
    {
        await using var archive = await CreateArchiveAsync();
        var writer = archive.Open();
        await WriteAsync(archive, Batch(0, 0, 1, Partial(Hour, 0, 1, 1, 0, 1), Progress(0, 1)));
        var written = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var writing = writer.WriteAsync(async transaction =>
        {
            await using var command = transaction.Connection!.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "UPDATE analytics_hours SET clicks = 99";
            await command.ExecuteNonQueryAsync();
            written.SetResult();
            await goOn.Task;
            return 0;
        }, CancellationToken.None);
        await written.Task;

        var during = (await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks;
        goOn.SetResult();
        await writing;
        var after = (await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks;

        Assert.That((during, after), Is.EqualTo((1, 99)));
    }

    [Test]
    public async Task The_progress_records_can_be_read_back_for_the_accounting()
    {
        await using var archive = await CreateArchiveAsync();
        await WriteAsync(archive, Batch(1, 0, 1, Progress(1, 7)));
        await WriteAsync(archive, Batch(0, 0, 2, Progress(0, 9), Partial(Hour, 0, 9, 1, 1, 1)));

        Assert.That(await archive.Reader.ReadRecordsAsync(CancellationToken.None), Is.EqualTo([Progress(0, 9), Progress(1, 7)]));
    }

    private static async Task WriteAsync(TemporaryArchive archive, SinkBatch<HourPartial> batch) =>
        Assert.That((await archive.Store.WriteAsync(batch, CancellationToken.None)).Applied, Is.True);
}
