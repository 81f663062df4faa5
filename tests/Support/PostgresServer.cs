using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Tally.Tests.Support;

/// <summary>A real PostgreSQL on a free port in a folder of its own; each test makes a database in it.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Password = "only-for-this-test";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-postgres-");
    private readonly string _programs;
    private readonly ServiceProcess _process;
    private int _databases;

    private PostgresServer(string programs)
    {
        _programs = programs;
        var arguments = new[]
        {
            "-D", Data, "-p", Port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=60",
        };
        var (file, all) = AsPostgres("postgres", arguments);
        _process = new ServiceProcess("postgres", file, all);
    }

    public int Port { get; } = FreePort.Next();

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>Starts one, or skips the test with the reason.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        var programs = Programs();
        if (programs is null) Assert.Ignore("PostgreSQL is not installed (Debian, Ubuntu: apt-get install postgresql).");
        var server = new PostgresServer(programs!);
        await server.InitialiseAsync();
        await server.RestartAsync();
        return server;
    }

    public async Task RestartAsync()
    {
        _process.Start();
        await Eventually.HoldsAsync("PostgreSQL answers", async () =>
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
                await connection.OpenAsync();
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        });
    }

    public async Task KillAsync()
    {
        await _process.KillAsync();
        // Those of the tests themselves, which would only be told that it went.
        NpgsqlConnection.ClearAllPools();
    }

    /// <summary>SIGSTOP to the server and all its backends: connections stay open and nothing is answered.</summary>
    public void Pause() => _process.Pause();

    public void Continue() => _process.Continue();

    /// <summary>An empty database.</summary>
    /// <param name="folder">Where its tables lie, an empty folder; with the server's own files when not given.</param>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync(string? folder = null)
    {
        if (folder is not null && Environment.UserName == "root") await RunAsync("chown", ["postgres", folder]);
        var name = string.Create(CultureInfo.InvariantCulture, $"tally{Interlocked.Increment(ref _databases)}");
        await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        if (folder is not null)
        {
            command.CommandText = $"CREATE TABLESPACE {name} LOCATION '{folder}'";
            await command.ExecuteNonQueryAsync();
        }
        command.CommandText = $"CREATE DATABASE {name} STRATEGY file_copy{(folder is null ? "" : $" TABLESPACE {name}")}";
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    public string ConnectionString(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Database={database};Username=tally;Password={Password}");

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static string? Programs() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Concat(Versions()).FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")));

    // Debian keeps the server's programs off the PATH.
    private static IEnumerable<string> Versions() => !Directory.Exists("/usr/lib/postgresql")
        ? []
        : Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.TryParse(Path.GetFileName(d), out var v) ? v : 0)
            .Select(d => Path.Combine(d, "bin"));

    /// <summary>PostgreSQL refuses to run as root, so root becomes the user whom the package made.</summary>
    private (string File, string[] Arguments) AsPostgres(string program, string[] arguments)
    {
        var file = Path.Combine(_programs, program);
        return Environment.UserName == "root"
            ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", file, .. arguments])
            : (file, arguments);
    }

    private async Task InitialiseAsync()
    {
        Directory.CreateDirectory(Data);
        var passwordFile = Path.Combine(_folder.FullName, "password");
        await File.WriteAllTextAsync(passwordFile, Password);
        if (Environment.UserName == "root") await RunAsync("chown", ["-R", "postgres", _folder.FullName]);
        var (file, arguments) = AsPostgres("initdb", ["-D", Data, "-U", "tally", "--pwfile", passwordFile, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]);
        await RunAsync(file, arguments);
    }

    private static async Task RunAsync(string file, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file}: {await error}");
    }
}
