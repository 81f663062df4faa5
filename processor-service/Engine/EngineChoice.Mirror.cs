namespace Tally.ProcessorService.Engine;

/// <summary>Without Streamiz's package the job runs on the native engine.</summary>
public static class EngineChoice
{
    public const string Default = ProcessorOptions.Native;

    public static bool HasStreamiz => false;

    public static IHostedService Streamiz(IServiceProvider provider) => throw new NotSupportedException("The options refuse this engine.");
}
