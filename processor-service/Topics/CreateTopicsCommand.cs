using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Topics;

/// <summary><c>create-topics [--wait seconds]</c>: makes the topics and ends; waits for a broker that is not there yet.</summary>
public static class CreateTopicsCommand
{
    public const string Verb = "create-topics";

    private static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    /// <returns>Exit code: 0 once all topics are there.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            var wait = Wait(args);
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [], ContentRootPath = AppContext.BaseDirectory });
            builder.Logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Tally", LogLevel.Information);
            builder.Services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
            await using var app = builder.Build();
            var options = app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<KafkaOptions>>().Value;
            var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Tally.CreateTopics");
            await EnsureAsync(options, wait, logger, TimeProvider.System).ConfigureAwait(false);
            return 0;
        }
        catch (Exception e) when (ServiceRun.Sentence(e) is not null || e is InvalidOperationException or KafkaException)
        {
            await Console.Error.WriteLineAsync($"processor-service {Verb}: {ServiceRun.Sentence(e) ?? e.Message.ReplaceLineEndings(" ")}").ConfigureAwait(false);
            return e is KafkaException ? ServiceRun.Failed : ServiceRun.WrongConfiguration;
        }
    }

    private static async Task EnsureAsync(KafkaOptions options, TimeSpan wait, ILogger logger, TimeProvider clock)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            try
            {
                await TopicCreation.EnsureAsync(options, logger, CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (KafkaException e) when (IsForNow(e))
            {
                if (clock.GetElapsedTime(began) >= wait)
                    throw new ConfigurationException($"no Kafka at Kafka:BootstrapServers ({options.BootstrapServers}) made the topics in {wait.TotalSeconds:0} s "
                        + $"({e.Error.Reason}): start it, or set the address of one that runs.", e);
                await Task.Delay(Between, clock).ConfigureAwait(false);
            }
        }
    }

    private static bool IsForNow(KafkaException e)
    {
        var code = e is CreateTopicsException { Results: [var first, ..] } ? first.Error.Code : e.Error.Code;
        return code is ErrorCode.Local_Transport or ErrorCode.Local_TimedOut or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Resolve
            or ErrorCode.RequestTimedOut or ErrorCode.NotController or ErrorCode.BrokerNotAvailable or ErrorCode.LeaderNotAvailable
            or ErrorCode.InvalidReplicationFactor;
    }

    private static TimeSpan Wait(string[] args) => args switch
    {
        [] => DefaultWait,
        ["--wait", var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= 3600 =>
            TimeSpan.FromSeconds(seconds),
        _ => throw new ConfigurationException($"unknown argument: the form is {Verb} [--wait seconds], from 0 to 3600."),
    };
}
