using Microsoft.Extensions.Options;
using Npgsql;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Tests.Support;
using static Tally.Tests.Integration.ReadModel.RedisView;

namespace Tally.Tests.Integration.Archive;

/// <summary>What only a server of its own can do to us.</summary>
public sealed class PostgresArchiveTests
{
    private const long Hour = 490_000;
    private PostgresServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await PostgresServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }

    [Test]
    public async Task Writers_of_the_same_partitions_at_once_leave_the_newest_of_each()
    {
        const int partitions = 4, writers = 4, batches = 40;
        var seed = TestContext.CurrentContext.Random.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        await using var archive = await TemporaryArchive.CreateAsync(_server);

        // As after a rebalance: each writer has read all of it and writes it at its own pace.
        await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            var random = new Random(seed + w);
            var store = new SqlHourStore(archive.Open());
            for (var at = 0; at < batches; at++)
            {
                foreach (var partition in Enumerable.Range(0, partitions).OrderBy(_ => random.Next()).ToArray())
                {
                    var batch = Batch(partition, at * 2, (at * 2) + 2, Partial(Hour + (at % 3), partition, at + 1, at + 1, 2 * at, 1), Progress(partition, at + 1));
                    Assert.That((await store.WriteAsync(batch, CancellationToken.None)).Applied, Is.True);
                }
            }
        })));

        var last = await archive.Reader.ReadAsync(Hour + ((batches - 1) % 3), CancellationToken.None);
        var positions = await archive.Store.ReadPositionsAsync(Topic, [.. Enumerable.Range(0, partitions)], CancellationToken.None);
        Assert.Multiple(() =>
        {
            Assert.That(last.Counts, Is.EqualTo(new Tally.Shared.ReadModel.HourCounts(partitions, partitions * batches, partitions * 2 * (batches - 1))));
            Assert.That(Enumerable.Range(0, partitions).Select(p => last.Progress[p]!.Value.NextOffset), Has.All.EqualTo(batches));
            Assert.That(positions.Values, Has.All.EqualTo(batches * 2));
        });
    }

    [Test]
    public async Task A_batch_of_many_rows_is_three_ways_to_the_server_and_back()
    {
        await using var archive = await TemporaryArchive.CreateAsync(_server);
        await using var between = new RoundTrips(_server.Port);
        var connectionString = new NpgsqlConnectionStringBuilder(archive.ConnectionString) { Port = between.Port }.ConnectionString;
        await using var database = new PostgresArchive(Options.Create(new ArchiveOptions { ConnectionString = connectionString }));
        var store = new SqlHourStore(database);
        Assert.That((await store.WriteAsync(Batch(0, 0, 2, Partial(Hour, 0, 1, 1, 0, 1), Progress(0, 1)), CancellationToken.None)).Applied, Is.True, "the connection is there");
        var before = between.Count;

        object[] records = [.. Enumerable.Range(0, 500).Select(n => Partial(Hour + n, 0, 2, n, 0, 1)), Progress(0, 2)];
        Assert.That((await store.WriteAsync(Batch(0, 2, 600, records), CancellationToken.None)).Applied, Is.True);

        Assert.That(between.Count - before, Is.EqualTo(3), "where it stands, what is new, the commit");
        Assert.That((await archive.Reader.ReadAsync(Hour + 499, CancellationToken.None)).Counts.Clicks, Is.EqualTo(499));
    }

    [TestCase("Password=wrong-secret", "password authentication failed")]
    [TestCase("Database=nowhere", "nowhere")]
    public void What_only_a_person_can_mend_ends_the_start_with_a_sentence(string instead, string reason)
    {
        var connectionString = _server.ConnectionString("postgres") + ";" + instead;

        Assert.That(async () =>
            {
                await using var archive = new PostgresArchive(Options.Create(new ArchiveOptions { ConnectionString = connectionString }));
                await ArchiveMigrations.RunAsync(archive, CancellationToken.None);
            },
            Throws.InstanceOf<ConfigurationException>().With.Message.Contains("Archive:ConnectionString").And.Message.Contains(reason)
                .And.Message.Not.Contains("wrong-secret"));
    }

    [Test]
    public async Task The_password_may_come_from_a_file()
    {
        var given = new Npgsql.NpgsqlConnectionStringBuilder(await _server.CreateDatabaseAsync());
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, $"*:*:*:{given.Username}:{given.Password}\n");
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead);
            given.Password = null;
            given.Passfile = file;
            await using var archive = new PostgresArchive(Options.Create(new ArchiveOptions { ConnectionString = given.ToString() }));

            await ArchiveMigrations.RunAsync(archive, CancellationToken.None);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task A_server_that_was_killed_and_came_back_is_used_again()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var archive = await TemporaryArchive.CreateAsync(server);
        await archive.Store.WriteAsync(Batch(0, 0, 1, Partial(Hour, 0, 1, 1, 0, 1)), CancellationToken.None);

        await server.KillAsync();
        Assert.That(async () => await archive.Reader.ReadAsync(Hour, CancellationToken.None), Throws.Exception);
        await server.RestartAsync();

        await Eventually.HoldsAsync("the archive answers again", async () =>
        {
            try
            {
                return (await archive.Reader.ReadAsync(Hour, CancellationToken.None)).Counts.Clicks == 1;
            }
            catch (Npgsql.NpgsqlException)
            {
                return false;
            }
        });
    }

    [Test]
    public async Task A_reader_that_gives_up_waiting_leaves_no_connection_behind_for_ever()
    {
        await using var archive = await TemporaryArchive.CreateAsync(_server);
        await using var database = new PostgresArchive(Options.Create(new ArchiveOptions
        {
            ConnectionString = archive.ConnectionString + ";Maximum Pool Size=1",
            BusyTimeout = TimeSpan.FromSeconds(1),
        }));
        using var impatient = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));

        Assert.That(async () => await database.ReadAsync(async transaction =>
        {
            await using var command = transaction.Connection!.CreateCommand();
            command.CommandText = "SELECT pg_sleep(600)";
            return await command.ExecuteNonQueryAsync();
        }, impatient.Token), Throws.InstanceOf<OperationCanceledException>());

        await Eventually.HoldsAsync("the one connection is free again", async () =>
        {
            try
            {
                return await database.ReadAsync(_ => Task.FromResult(true), CancellationToken.None);
            }
            catch (Npgsql.NpgsqlException)
            {
                return false;
            }
        });
    }
}
