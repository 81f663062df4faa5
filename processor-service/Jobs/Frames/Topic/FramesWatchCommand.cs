using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Frames.Topic;

/// <summary><c>frames-watch [--all]</c>: prints results as they arrive, a line each, until it is stopped; with <c>--all</c> those that are there first.</summary>
public static class FramesWatchCommand
{
    public const string Verb = "frames-watch";

    /// <returns>Exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            if (args is not ([] or ["--all"])) throw new ConfigurationException($"unknown argument: the form is {Verb} [--all].");
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
            builder.Logging.SetMinimumLevel(LogLevel.Error);
            builder.Services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
            builder.Services.AddValidatedOptions<FramesOptions>(FramesOptions.Section);
            await using var app = builder.Build();
            using var stopping = new CancellationTokenSource();
            Console.CancelKeyPress += (_, pressed) =>
            {
                pressed.Cancel = true;
                stopping.Cancel();
            };
            var kafka = app.Services.GetRequiredService<IOptions<KafkaOptions>>().Value;
            var results = kafka.Topics.OfFramesGeneration(app.Services.GetRequiredService<IOptions<FramesOptions>>().Value.TopicGeneration).UniqueUsers;
            await Task.Factory.StartNew(() => Watch(kafka, results, args.Length == 1, stopping.Token), stopping.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)
                .ConfigureAwait(false);
            return 0;
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        catch (Exception e) when (ServiceRun.Sentence(e) is not null || e is KafkaException)
        {
            await Console.Error.WriteLineAsync($"{Verb}: {ServiceRun.Sentence(e) ?? e.Message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
            return e is KafkaException ? ServiceRun.Failed : ServiceRun.WrongConfiguration;
        }
    }

    private static void Watch(KafkaOptions kafka, string results, bool all, CancellationToken stopping)
    {
        var config = KafkaClientConfig.Consumer(kafka, "tally-frames-watch", "tally-frames-watch");
        config.EnablePartitionEof = false;
        config.FetchWaitMaxMs = 100;
        config.AutoOffsetReset = all ? AutoOffsetReset.Earliest : AutoOffsetReset.Latest;
        using var consumer = new ConsumerBuilder<Ignore, byte[]?>(config).SetValueDeserializer(Deserializers.ByteArray!).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(new TopicPartitionOffset(results, 0, all ? Offset.Beginning : Offset.End));
        using var output = Console.OpenStandardOutput();
        while (!stopping.IsCancellationRequested)
        {
            if (consumer.Consume(stopping).Message.Value is not { } line) continue;
            output.Write([.. line, (byte)'\n']);
            output.Flush();
        }
    }
}
