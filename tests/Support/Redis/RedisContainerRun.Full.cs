using System.Globalization;
using System.Runtime.InteropServices;
using DotNet.Testcontainers.Builders;
using Testcontainers.Redis;

namespace Tally.Tests.Support;

/// <summary>
/// The Redis image of docker-compose.yml. It shares the machine's network, so that nodes of clusters and sentinels reach each other and the test by the addresses
/// they name, and the server's folder, under the test's own user, so that dumps can be looked at.
/// </summary>
internal sealed partial class RedisContainerRun(string folder, string[] arguments) : IRedisRun
{
    private readonly RedisContainer _container = new RedisBuilder(Image())
        .WithCommand(["redis-server", .. arguments])
        .WithBindMount(folder, folder)
        .WithWaitStrategy(Wait.ForUnixContainer())
        .WithCreateParameterModifier(container =>
        {
            container.HostConfig!.NetworkMode = "host";
            container.HostConfig.PortBindings?.Clear();
            container.User = GetEffectiveUser().ToString(CultureInfo.InvariantCulture);
            container.StopSignal = "SIGKILL";
        })
        .Build();

    private string _log = "";

    public string Log => $"--- redis in a container\n{_log}";

    public Task StartAsync() => _container.StartAsync();

    public async Task KillAsync()
    {
        await KeepLogAsync();
        await _container.StopAsync();
    }

    public Task PauseAsync() => _container.PauseAsync();

    public Task ContinueAsync() => _container.UnpauseAsync();

    public async ValueTask DisposeAsync()
    {
        await KeepLogAsync();
        await _container.DisposeAsync();
    }

    private static string Image() => File.ReadLines(Path.Combine(BuiltProgram.Root, "docker-compose.yml"))
        .Select(line => line.Trim()).First(line => line.StartsWith("image: redis:", StringComparison.Ordinal))["image: ".Length..];

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    private async Task KeepLogAsync()
    {
        var (said, complained) = await _container.GetLogsAsync();
        _log = said + complained;
    }
}
