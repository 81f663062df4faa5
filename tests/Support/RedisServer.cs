using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Support;

/// <summary>A real redis-server on a free port in a folder of its own; nothing it holds survives its end.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-redis-");
    private readonly ServiceProcess _process;

    private RedisServer()
    {
        _process = new ServiceProcess("redis", "redis-server",
            ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder.FullName]);
    }

    public int Port { get; } = FreePort.Next();

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Starts one, or skips the test with the reason.</summary>
    public static async Task<RedisServer> StartAsync()
    {
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "redis-server"))))
            Assert.Ignore("redis-server is not on the PATH (Debian, Ubuntu: apt-get install redis-server).");
        var server = new RedisServer();
        await server.RestartAsync();
        return server;
    }

    /// <summary>Starts it again, empty.</summary>
    public async Task RestartAsync()
    {
        _process.Start();
        await Eventually.HoldsAsync("redis-server answers", Patience, async () =>
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, Port);
            }
            catch (SocketException)
            {
                return false;
            }
            await client.GetStream().WriteAsync("PING\r\n"u8.ToArray());
            var answer = new byte[7];
            return await client.GetStream().ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false) == answer.Length
                && answer.AsSpan().SequenceEqual("+PONG\r\n"u8);
        });
    }

    public Task KillAsync() => _process.KillAsync();

    /// <summary>SIGSTOP: connections stay open and nothing is answered.</summary>
    public void Pause() => _process.Pause();

    public void Continue() => _process.Continue();

    /// <summary>A connection as the services make it.</summary>
    public RedisConnection Connect(RedisOptions? options = null)
    {
        options ??= new RedisOptions();
        options.Endpoints = Endpoint;
        return new RedisConnection(Options.Create(options), TimeProvider.System, NullLogger<RedisConnection>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
