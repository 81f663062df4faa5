using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Frames.Topic;

/// <summary>
/// <c>frames-reset [--from seconds]</c>: the frames are counted again from the beginning of the topic, or from what came into it at that Unix second. Prints
/// the generation that <c>Frames:Generation</c> has to name from then on as soon as it has begun; processors may start once this has ended.
/// </summary>
public static class FramesResetCommand
{
    public const string Verb = "frames-reset";

    /// <returns>Exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            var from = From(args);
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            builder.Services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
            builder.Services.AddValidatedOptions<HashKeyOptions>(HashKeyOptions.Section);
            builder.Services.AddValidatedOptions<ProcessorOptions>(ProcessorOptions.Section);
            builder.Services.AddValidatedOptions<FramesOptions>(FramesOptions.Section);
            await using var app = builder.Build();
            var options = app.Services.GetRequiredService<IOptions<ProcessorOptions>>().Value;
            var kafka = app.Services.GetRequiredService<IOptions<KafkaOptions>>().Value;
            var ofTopics = app.Services.GetRequiredService<IOptions<FramesOptions>>().Value.TopicGeneration;
            using var reset = new FramesReset(
                kafka.With(kafka.Topics.OfFramesGeneration(ofTopics)), options.For(FramesJob.JobName).Of(ofTopics),
                app.Services.GetRequiredService<IOptions<HashKeyOptions>>().Value.CreateHasher(), TimeProvider.System,
                app.Services.GetRequiredService<ILoggerFactory>());
            // At once: whatever becomes of the rest, processors start with this number only.
            Console.WriteLine(await reset.BeginAsync(from, CancellationToken.None).ConfigureAwait(false));
            await Console.Out.FlushAsync().ConfigureAwait(false);
            await reset.CheckAsync(CancellationToken.None).ConfigureAwait(false);
            if (reset.Remove() is { } warning) await Console.Error.WriteLineAsync($"{Verb}: {warning}").ConfigureAwait(false);
            await reset.CheckAsync(CancellationToken.None).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (ServiceRun.Sentence(e) is not null || e is SessionEndException or KafkaException)
        {
            await Console.Error.WriteLineAsync($"{Verb}: {ServiceRun.Sentence(e) ?? e.Message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
            return e is SessionEndException or KafkaException ? ServiceRun.Failed : ServiceRun.WrongConfiguration;
        }
    }

    private static long? From(string[] args) => args switch
    {
        [] => null,
        ["--from", var text] when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= FrameScanner.LastSecond => seconds,
        ["--from", _] => throw new ConfigurationException("--from must be Unix seconds: a whole number, digits only."),
        _ => throw new ConfigurationException($"unknown argument: the form is {Verb} [--from seconds]."),
    };
}
