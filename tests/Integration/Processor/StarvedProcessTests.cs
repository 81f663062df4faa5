using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>The processor as a process whose thread pool is blocked, and that stands still for two seconds as in a long collection of garbage.</summary>
[Parallelizable]
public sealed class StarvedProcessTests
{
    [Test]
    public async Task With_a_hundred_calls_blocking_the_thread_pool_and_a_pause_of_two_seconds_it_counts_on_in_the_same_session()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await topics.CreateAsync();
        var folder = Directory.CreateTempSubdirectory("tally-starved-");
        var starve = Path.Combine(folder.FullName, "starve");
        var port = FreePort.Next();
        await using var processor = ServiceProcess.Of("processor-starved", "ProcessorService", new Dictionary<string, string>
        {
            ["Kafka__BootstrapServers"] = broker.BootstrapServers,
            ["Kafka__Partitions"] = "4",
            ["HashKey__Value"] = new('0', 64),
            ["Http__Port"] = $"{port}",
            ["Processor__Jobs"] = "analytics",
            ["State__Directory"] = folder.FullName,
            ["DOTNET_STARTUP_HOOKS"] = typeof(ServiceProcess).Assembly.Location,
            ["TALLY_TESTS_STARVE_WHILE"] = starve,
        });
        processor.Start();
        topics.Produce(new Random(1), 1_000);
        topics.ReadHoursWhenAllIsCounted();

        await File.WriteAllTextAsync(starve, "");
        await Eventually.HoldsAsync("its pool is blocked", () => Task.FromResult(File.Exists(starve + ".starved")));
        for (var round = 0; round < 3; round++)
        {
            topics.Produce(new Random(2 + round), 1_000, poison: 3);
            Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), processor.Log);
        }
        processor.Pause();
        topics.Produce(new Random(9), 1_000);
        await Task.Delay(TimeSpan.FromSeconds(2));
        processor.Continue();
        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), processor.Log);

        File.Delete(starve);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await Eventually.HoldsAsync("it answers again", async () =>
            (await http.GetStringAsync(new Uri("/health/ready", UriKind.Relative))).Contains("Healthy", StringComparison.Ordinal));
        Assert.Multiple(() =>
        {
            Assert.That(processor.Log.Split("Counting partitions [0,1,2,3]"), Has.Length.EqualTo(2), $"one session all the while: {processor.Log}");
            Assert.That(topics.ReadAll(topics.Kafka.Topics.DeadLetter), Has.Count.EqualTo(topics.Poison));
        });
        Assert.That(await processor.StopAsync(TimeSpan.FromSeconds(10)), Is.Zero, processor.Log);
        folder.Delete(recursive: true);
    }
}
