using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Tally.Shared.Archive;
using Tally.Tests.Integration.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Materializer;

/// <summary>The archive on a file system that fills up.</summary>
public sealed class FullArchiveDiskTests
{
    [Test]
    public Task A_full_disk_stops_neither_Redis_nor_reading_is_named_and_the_archive_catches_up() => OnSmallDiskAsync("16m", async folder =>
    {
        using var database = new SqliteArchive(Options.Create(new ArchiveOptions { ConnectionString = $"Data Source={Path.Combine(folder, "archive.db")}" }));
        await FillAsync(folder, database, "disk is full");
        SqliteConnection.ClearAllPools();
    });

    [Test]
    public Task Nor_does_a_full_disk_of_PostgreSQL() => OnSmallDiskAsync("24m", async folder =>
    {
        await using var server = await PostgresServer.StartAsync();
        await using var database = new PostgresArchive(Options.Create(new ArchiveOptions { ConnectionString = await server.CreateDatabaseAsync(folder) }));
        await FillAsync(folder, database, "No space left on device");
    });

    [Test]
    public Task One_that_may_not_be_written_ends_the_service_with_a_sentence_and_costs_nothing() => OnSmallDiskAsync("16m", async folder =>
    {
        await using var redis = await RedisView.StartAsync();
        var topic = new MemoryTopic(1);
        var hour = RedisView.ThisHour;
        SqliteArchive Archive() => new(Options.Create(new ArchiveOptions { ConnectionString = $"Data Source={Path.Combine(folder, "archive.db")}" }));
        void Commit(long offset)
        {
            topic.Add(RedisView.Partial(hour, 0, offset, clicks: offset, 0, 1));
            topic.Add(RedisView.Progress(0, offset, asOfMs: offset));
        }

        Task HoldsAsync(ArchiveDatabase database, long clicks) => Eventually.HoldsAsync($"the archive has {clicks} clicks", async () =>
            (await new SqlHourArchive(database).ReadAsync(hour, CancellationToken.None)).Counts.Clicks == clicks);

        Commit(1);
        using (var before = Archive())
        await using (await RunningSinks.StartAsync(topic, redis.Store, before)) await HoldsAsync(before, 1);
        SqliteConnection.ClearAllPools();
        Assert.That(Run("mount", "-o", "remount,ro", folder), Is.Zero);

        Commit(2);
        using (var readOnly = Archive())
        await using (var refused = await RunningSinks.StartAsync(topic, redis.Store, readOnly))
        {
            await refused.Life.Stopped.WaitAsync(Eventually.Patience);
            Assert.That(refused.Life.Logger.All, Does.Contain("point Archive:ConnectionString to a SQLite file or a new one, in a folder that may be written"));
        }
        SqliteConnection.ClearAllPools();
        Assert.That(Run("mount", "-o", "remount,rw", folder), Is.Zero);
        using var database = Archive();
        await using (await RunningSinks.StartAsync(topic, redis.Store, database)) await HoldsAsync(database, 2);
        SqliteConnection.ClearAllPools();
    });

    private static async Task OnSmallDiskAsync(string size, Func<string, Task> test)
    {
        var folder = Directory.CreateTempSubdirectory("tally-archive-disk-");
        if (Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder.FullName) != 0)
        {
            folder.Delete();
            Assert.Ignore("A small file system can be mounted by root only, and not in every container.");
        }
        try
        {
            await test(folder.FullName);
        }
        finally
        {
            Run("umount", "-l", folder.FullName);
            folder.Delete(recursive: true);
        }
    }

    private static async Task FillAsync(string folder, ArchiveDatabase database, string trouble)
    {
        await using var redis = await RedisView.StartAsync();
        var reader = new SqlHourArchive(database);
        var topic = new MemoryTopic(1);
        var offset = 0L;
        var hour = RedisView.ThisHour;
        void Commit(int hours, long clicks)
        {
            offset++;
            for (var n = 0; n < hours; n++) topic.Add(RedisView.Partial(hour - n, 0, offset, clicks, 0, 1));
            topic.Add(RedisView.Progress(0, offset, asOfMs: offset));
        }

        Task HoldsAsync(long clicks) => Eventually.HoldsAsync($"the archive has {clicks} clicks", async () =>
            (await reader.ReadAsync(hour, CancellationToken.None)) is var reading && reading.Counts.Clicks == clicks && reading.Progress.HasReached(0, offset - 1));

        Task RedisHoldsAsync(long clicks) => Eventually.HoldsAsync($"Redis has {clicks} clicks", async () => await redis.FieldAsync(hour, "clicks") == $"{clicks}");

        Commit(hours: 1, clicks: 1);
        await using (var sinks = await RunningSinks.StartAsync(topic, redis.Store, database))
        {
            await HoldsAsync(1);
            var filler = Path.Combine(folder, "somebody-elses-file");
            Fill(filler);

            Commit(hours: 20_000, clicks: 2);
            await RedisHoldsAsync(2);
            await Eventually.HoldsAsync("the sink says that the disk is full", () => Task.FromResult(sinks.Archive.Trouble?.Contains(trouble, StringComparison.Ordinal) is true));
            Assert.That((await reader.ReadAsync(hour - 30_000, CancellationToken.None)).Progress.HasReached(0, 0), Is.True, "it is read meanwhile");
            File.Delete(filler);
            await HoldsAsync(2);
            Assert.That(sinks.Life.Stopped.IsCompleted, Is.False, sinks.Life.Logger.All);
        }
    }

    private static void Fill(string file)
    {
        using var stream = File.Create(file);
        try
        {
            while (true) stream.Write(new byte[4096]);
        }
        catch (IOException)
        {
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
