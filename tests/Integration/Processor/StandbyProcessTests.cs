using System.Globalization;
using System.Text.RegularExpressions;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>Two processors that keep copies of each other's partitions: one is killed, the other has all of them at once.</summary>
public sealed partial class StandbyProcessTests
{
    private const int Partitions = 8;

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task Killed_with_9_its_partitions_are_counted_on_from_the_warm_copies_of_another()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, Partitions);
        await topics.CreateAsync();
        var (port, otherPort) = (FreePort.Next(), FreePort.Next());
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Eventually.Patience };
        await using var survivor = Processor("a", topics, port);
        await using var killed = Processor("b", topics, otherPort);
        survivor.Start();
        killed.Start();
        topics.Produce(new Random(1), 40_000, users: 40_000);
        topics.ReadHoursWhenAllIsCounted();
        await Eventually.HoldsAsync("each has half of the partitions and copies of the rest", async () =>
            WarmCopies().Match(await ReadyAsync(http)) is { Success: true } warm && warm.Groups[1].Value.Split(',').Length == Partitions / 2 && warm.Groups[2].Value.Split(',').Length == Partitions / 2);

        await killed.KillAsync();
        var began = TimeProvider.System.GetTimestamp();
        topics.Produce(new Random(2), 4_000, users: 40_000);
        var hours = topics.ReadHoursWhenAllIsCounted();
        var took = TimeProvider.System.GetElapsedTime(began);

        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"all counted {took.TotalSeconds:F1} s after kill -9, of which the group waited 2 s for the silent one"));
        Assert.That(hours, Is.EqualTo(topics.Oracle.Hours), survivor.Log);
        Assert.That(await ReadyAsync(http), Does.Contain("partitions 0,1,2,3,4,5,6,7"));
    }

    private static async Task<string> ReadyAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return await answer.Content.ReadAsStringAsync();
        }
        catch (HttpRequestException)
        {
            return "";
        }
    }

    private static ServiceProcess Processor(string instance, AnalyticsTopics topics, int port) => ServiceProcess.Of($"processor-{instance}", "ProcessorService", new Dictionary<string, string>
    {
        ["Kafka__BootstrapServers"] = topics.Kafka.BootstrapServers,
        ["Kafka__Partitions"] = $"{Partitions}",
        ["HashKey__Value"] = new('0', 64),
        ["Http__Port"] = $"{port}",
        ["State__Directory"] = "",
        ["Processor__Jobs"] = "analytics",
        ["Processor__Instance"] = instance,
        ["Processor__Standby"] = "true",
        ["Processor__StaticMembership"] = "false",
        ["Processor__SessionTimeout"] = "00:00:02",
    });

    [GeneratedRegex(@"partitions ([0-9,]+), warm copies of ([0-9,]+)")]
    private static partial Regex WarmCopies();
}
