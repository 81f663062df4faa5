using Tally.ProcessorService.Streamiz;

namespace Tally.ProcessorService.Engine;

/// <summary>With the full package set the job runs on Streamiz unless <c>Processor:Engine</c> says native.</summary>
public static class EngineChoice
{
    public const string Default = ProcessorOptions.Streamiz;

    public static bool HasStreamiz => true;

    public static IHostedService Streamiz(IServiceProvider provider) => ActivatorUtilities.CreateInstance<StreamizEngine>(provider);
}
