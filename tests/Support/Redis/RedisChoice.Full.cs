using System.Diagnostics.CodeAnalysis;

namespace Tally.Tests.Support;

/// <summary>
/// Where a Docker engine answers the tests' Redis is the image that compose runs, by Testcontainers; elsewhere a process.
/// <c>TALLY_TEST_REDIS=process</c> or <c>container</c> insists on one.
/// </summary>
internal static class RedisChoice
{
    private static readonly string? Wish = Environment.GetEnvironmentVariable("TALLY_TEST_REDIS");
    private static readonly Lazy<Task<bool>> Usable = new(TryAsync);

    public static async Task<IRedisRun?> ContainerAsync(string folder, string[] arguments) =>
        await Usable.Value ? new RedisContainerRun(folder, arguments) : null;

    [SuppressMessage("Design", "CA1031", Justification = "Whatever is wrong with the engine, the tests run.")]
    private static async Task<bool> TryAsync()
    {
        if (Wish == "process") return false;
        try
        {
            await using var probe = new RedisContainerRun(Path.GetTempPath(), ["--port", "0", "--unixsocket", "/tmp/tally-probe.sock", "--save", ""]);
            await probe.StartAsync();
            return true;
        }
        catch (Exception e) when (Wish != "container")
        {
            // No engine, or one that cannot get the image: refused, unreachable, too slow, each in words of its own.
            TestContext.Progress.WriteLine($"Redis of the tests runs as processes: {e.Message.Split('\n')[0]}");
            return false;
        }
    }
}
