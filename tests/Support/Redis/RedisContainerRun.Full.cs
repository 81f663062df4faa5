using System.Globalization;
using System.Runtime.InteropServices;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;

namespace Tally.Tests.Support;

/// <summary>
/// The Redis image of docker-compose.yml. It shares the machine's network, so that nodes of clusters and sentinels reach each other and the test by the addresses
/// they name, and the server's folder, under the test's own user, so that dumps can be looked at. Not by <c>RedisBuilder</c>: that waits for a port of its own to be mapped, which a
/// container on the machine's network never has.
/// </summary>
internal sealed partial class RedisContainerRun(string folder, string[] arguments) : IRedisRun
{
    private readonly IContainer _container = Folders(folder, arguments)
        .Aggregate(new ContainerBuilder(Image()), (builder, shared) => builder.WithBindMount(shared, shared))
        .WithCommand(["redis-server", .. arguments])
        .WithWaitStrategy(Wait.ForUnixContainer())
        .WithCreateParameterModifier(container =>
        {
            container.HostConfig!.NetworkMode = "host";
            container.User = GetEffectiveUser().ToString(CultureInfo.InvariantCulture);
            container.StopSignal = "SIGKILL";
        })
        .Build();

    private string _log = "";
    private bool _hasStarted;

    public string Log => $"--- redis in a container\n{_log}";

    public async Task StartAsync()
    {
        await _container.StartAsync();
        _hasStarted = true;
    }

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

    /// <summary>The server's own, and those of the files that it is told to read.</summary>
    private static IEnumerable<string> Folders(string own, string[] arguments) =>
        arguments.Where(a => Path.IsPathRooted(a) && a != own).Select(file => Path.GetDirectoryName(file)!).Prepend(own).Select(Path.TrimEndingDirectorySeparator).Distinct();

    private static string Image() => File.ReadLines(Path.Combine(BuiltProgram.Root, "docker-compose.yml"))
        .Select(line => line.Trim()).First(line => line.StartsWith("image: redis:", StringComparison.Ordinal))["image: ".Length..];

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    private async Task KeepLogAsync()
    {
        if (!_hasStarted) return;
        var (said, complained) = await _container.GetLogsAsync();
        _log = said + complained;
    }
}
