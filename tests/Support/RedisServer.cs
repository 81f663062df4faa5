using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Support;

/// <summary>A real redis-server on a free port in a folder of its own; nothing it holds survives its end.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-redis-");
    private readonly ServiceProcess _process;

    private RedisServer(string[] options)
    {
        _process = new ServiceProcess("redis", "redis-server",
            ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder.FullName, .. options]);
    }

    public int Port { get; } = FreePort.Next();

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    public string Folder => _folder.FullName;

    public string Log => _process.Log;

    /// <summary>Starts one, or skips the test with the reason.</summary>
    /// <param name="options">Further options of redis-server.</param>
    public static async Task<RedisServer> StartAsync(params string[] options)
    {
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "redis-server"))))
            Assert.Ignore("redis-server is not on the PATH (Debian, Ubuntu: apt-get install redis-server).");
        var server = new RedisServer(options);
        await server.RestartAsync();
        return server;
    }

    /// <summary>Starts it again, with what it had saved.</summary>
    public async Task RestartAsync()
    {
        _folder.Create();
        _process.Start();
        await Eventually.HoldsAsync("redis-server answers", async () =>
        {
            try
            {
                return await RedisCommand.SendAsync(Port, "PING") is "+PONG" or "-NOAUTH Authentication required.";
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                return false;
            }
        });
    }

    /// <summary>A command to this very server; what it answers begins as in the protocol: <c>+OK</c>, <c>:1</c>, <c>-ERR …</c>.</summary>
    public Task<string> DoAsync(params string[] words) => RedisCommand.SendAsync(Port, words);

    public Task KillAsync() => _process.KillAsync();

    /// <summary>SIGSTOP: connections stay open and nothing is answered.</summary>
    public void Pause() => _process.Pause();

    public void Continue() => _process.Continue();

    /// <summary>Takes away the folder that dumps go to, until it starts again.</summary>
    public void MakeDumpsFail() => _folder.Delete(recursive: true);

    /// <summary>True while it reads its dump and answers nothing else.</summary>
    public async Task<bool> IsLoadingAsync()
    {
        try
        {
            return (await DoAsync("PING")).StartsWith("-LOADING", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    /// <summary>A connection as the services make it.</summary>
    public RedisConnection Connect(RedisOptions? options = null)
    {
        options ??= new RedisOptions();
        if (options.Endpoints == new RedisOptions().Endpoints) options.Endpoints = Endpoint;
        return new RedisConnection(Options.Create(options), TimeProvider.System, NullLogger<RedisConnection>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
