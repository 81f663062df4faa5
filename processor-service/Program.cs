using Tally.ProcessorService;
using Tally.ProcessorService.Jobs.ColourSets;
using Tally.ProcessorService.Jobs.Frames.StandardInput;
using Tally.ProcessorService.Jobs.Frames.Topic;
using Tally.ProcessorService.Rebuild;
using Tally.ProcessorService.State;
using Tally.ProcessorService.Topics;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;

if (args is [CreateTopicsCommand.Verb, .. var rest]) return await CreateTopicsCommand.RunAsync(rest);
if (args is [FramesStdinCommand.Verb, .. var more]) return await FramesStdinCommand.RunAsync(more);
if (args is [FramesWatchCommand.Verb, .. var watch]) return await FramesWatchCommand.RunAsync(watch);
if (args is [FramesResetCommand.Verb, .. var reset]) return await FramesResetCommand.RunAsync(reset);
if (args is [RebuildCommand.Verb, .. var settings]) return await RebuildCommand.RunAsync(settings);
if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("processor-service", defaultPort: 8083);

return await ServiceRun.RunAsync("processor-service", () =>
{
    NativeHeap.Tune();
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.AddServiceDefaults("processor-service", defaultPort: 8083);
    builder.AddProcessor();
    var app = builder.Build();
    app.MapHealth();
    app.MapPrometheus();
    app.MapColours();
    return app;
});
