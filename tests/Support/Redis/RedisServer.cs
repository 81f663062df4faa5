using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Support;

/// <summary>A real redis-server, as process or container, on a free port in a folder of its own; nothing it holds survives its end.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-redis-");
    private IRedisRun _run = null!;

    private RedisServer()
    {
    }

    public int Port { get; } = FreePort.Next();

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    public string Folder => _folder.FullName;

    public string Log => _run.Log;

    /// <summary>Starts one, or skips the test with the reason.</summary>
    /// <param name="options">Further options of redis-server.</param>
    public static async Task<RedisServer> StartAsync(params string[] options)
    {
        var server = new RedisServer();
        string[] arguments =
            ["--port", server.Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", server.Folder, .. options];
        var container = await RedisChoice.ContainerAsync(server.Folder, arguments);
        if (container is null && RedisProcess.Reason is { } reason) Assert.Ignore(reason);
        server._run = container ?? new RedisProcess(arguments);
        await server.RestartAsync();
        return server;
    }

    /// <summary>Starts it again, with what it had saved.</summary>
    public async Task RestartAsync()
    {
        _folder.Create();
        await _run.StartAsync();
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

    public Task KillAsync() => _run.KillAsync();

    /// <summary>Connections stay open and nothing is answered.</summary>
    public Task PauseAsync() => _run.PauseAsync();

    public Task ContinueAsync() => _run.ContinueAsync();

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
        await _run.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
