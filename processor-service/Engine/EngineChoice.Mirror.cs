namespace Tally.ProcessorService.Engine;

/// <summary>Without Streamiz's package there is the native engine only.</summary>
public static class EngineChoice
{
    public static bool HasStreamiz => false;

    public static IHostedService Streamiz(IServiceProvider provider) => throw new NotSupportedException("The options refuse this engine.");
}
