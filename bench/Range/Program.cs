using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.Bench.Range;
using Tally.Shared.Archive;

// How fast query-service answers ranges of an archive that holds two years of hours, and how much memory that takes.
if (args.Length is not (2 or 3))
{
    Console.Error.WriteLine("usage: Range QUERY_SERVICE_DLL USERS_OF_AN_HOUR_AND_PARTITION [ARCHIVE_CONNECTION_STRING, otherwise SQLite in a temporary folder]");
    return 2;
}
var folder = Directory.CreateTempSubdirectory("tally-range-");
try
{
    var archive = args.Length == 3 ? args[2] : $"Data Source={Path.Combine(folder.FullName, "archive.db")}";
    var database = ArchiveRegistration.Open(Options.Create(new ArchiveOptions { ConnectionString = archive, BusyTimeout = TimeSpan.FromSeconds(60) }));
    await ArchiveMigrations.RunAsync(database, CancellationToken.None);
    await new Filling(database, int.Parse(args[1], CultureInfo.InvariantCulture)).RunAsync();
    await using var service = await Asked.StartAsync(args[0], archive);
    await service.MeasureAsync("2 years by day", Filling.Begin, Filling.End, "day", 21);
    await service.MeasureAsync("2 years by day, not whole months", Filling.Begin + (24 * 15), Filling.End - (24 * 15), "day", 21);
    await service.MeasureAsync("2 years by hour", Filling.Begin, Filling.End, "hour", 7);
    await service.MeasureAsync("2 years by hour, not whole days", Filling.Begin + (24 * 15) + 5, Filling.End - (24 * 15) - 5, "hour", 7);
    await service.MeasureAsync("24 hours by hour", Filling.End - 29, Filling.End - 5, "hour", 21);
    await service.MeasureTogetherAsync("2 years by hour, 16 at once", Filling.Begin, Filling.End, "hour", 16);
    return 0;
}
finally
{
    folder.Delete(recursive: true);
}
