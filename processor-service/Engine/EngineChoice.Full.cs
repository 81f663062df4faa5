using Tally.ProcessorService.Streamiz;

namespace Tally.ProcessorService.Engine;

/// <summary>With the full package set the job runs on Streamiz if <c>Processor:Engine</c> says so.</summary>
public static class EngineChoice
{
    public static bool HasStreamiz => true;

    public static IHostedService Streamiz(IServiceProvider provider) => ActivatorUtilities.CreateInstance<StreamizEngine>(provider);
}
