namespace Tally.Tests.Support;

/// <summary>Without Testcontainers every Redis of the tests is a process.</summary>
internal static class RedisChoice
{
    public static Task<IRedisRun?> ContainerAsync(string folder, string[] arguments) => Task.FromResult<IRedisRun?>(null);
}
