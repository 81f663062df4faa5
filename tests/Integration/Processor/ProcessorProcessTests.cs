using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>processor-service as a process: its verb, its end, kill -9.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class ProcessorProcessTests
{
    private static readonly string Key = new('0', 64);

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task Killed_while_it_counts_it_goes_on_exact_and_ends_with_0_on_SIGTERM()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await using (var create = Start(broker.BootstrapServers, 0, "create-topics"))
            Assert.That(await create.ExitedAsync(TimeSpan.FromSeconds(30)), Is.Zero, create.Log);

        var port = FreePort.Next();
        using var http = Client(port);
        await using var processor = Start(broker.BootstrapServers, port);
        for (var kill = 0; kill < 2; kill++)
        {
            topics.Produce(new Random(kill), 5_000, poison: 3);
            topics.ReadHoursWhenAllIsCounted();
            topics.Produce(new Random(10 + kill), 5_000);
            await processor.KillAsync();
            processor.Start();
        }
        var hours = topics.ReadHoursWhenAllIsCounted();
        await Eventually.HoldsAsync("it counts again", async () =>
            (await Ready(http)).StartsWith("Healthy", StringComparison.Ordinal));
        var code = await processor.StopAsync(TimeSpan.FromSeconds(8));
        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(topics.Oracle.Hours), processor.Log);
            Assert.That(topics.ReadAll(topics.Kafka.Topics.DeadLetter), Has.Count.EqualTo(topics.Poison));
            Assert.That(code, Is.Zero, processor.Log);
        });
    }

    [Test]
    public async Task Before_the_topics_are_there_it_lives_but_is_not_ready_and_then_goes_on_by_itself()
    {
        await using var broker = await TestBroker.StartAsync();
        var port = FreePort.Next();
        await using var processor = Start(broker.BootstrapServers, port);
        using var http = Client(port);
        await Eventually.HoldsAsync("it says what is missing", async () =>
            (await http.GetStringAsync(new Uri("/health/live", UriKind.Relative))).StartsWith("Healthy", StringComparison.Ordinal)
            && (await Ready(http)).Contains("run create-topics", StringComparison.Ordinal));
        await new AnalyticsTopics(broker.BootstrapServers, 4).CreateAsync();
        await Eventually.HoldsAsync("it is ready and names its engine", async () =>
            (await Ready(http)).Contains("Healthy (engine native: partitions 0,1,2,3)", StringComparison.Ordinal));
    }

    [Test]
    public async Task Metrics_tell_lag_rates_commits_transactions_state_dead_letters_and_late_events()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await topics.CreateAsync();
        topics.Produce(new Random(1), 3_000, poison: 5);
        var port = FreePort.Next();
        await using var processor = Start(broker.BootstrapServers, port);
        topics.ReadHoursWhenAllIsCounted();
        using var http = Client(port);
        string[] lines = [];
        double Sum(string metric, string label = "") => lines.Where(line => line.StartsWith(metric, StringComparison.Ordinal) && line[metric.Length] is ' ' or '{' && line.Contains(label, StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
        var analytics = "job=\"hourly-analytics\"";
        int Lags() => lines.Count(line => line.StartsWith("tally_processor_lag{", StringComparison.Ordinal) && line.Contains(analytics, StringComparison.Ordinal));
        // The metrics of a commit are told one by one.
        await Eventually.HoldsAsync("all is told, the lag of each of four partitions too", async () =>
        {
            lines = (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Split('\n');
            return Sum("tally_processor_events_total") >= 3_005 && Lags() == 4 && Sum("tally_processor_lag") == 0 && Sum("tally_processor_commit_duration_seconds_count") > 0;
        });
        Assert.Multiple(() =>
        {
            Assert.That(Sum("tally_processor_events_total", analytics), Is.EqualTo(3_005));
            Assert.That(Sum("tally_processor_events_total", "dead_lettered"), Is.EqualTo(5));
            Assert.That(Sum("tally_processor_job_counts_total", "late"), Is.EqualTo(3_000), "the hours of these events are those of 1970");
            Assert.That(Sum("tally_processor_read_bytes_total"), Is.InRange(3_000 * 30, 3_000 * 100));
            Assert.That(Sum("tally_processor_commits_total", "committed"), Is.GreaterThan(0));
            Assert.That(Sum("tally_processor_transaction_records_sum"), Is.GreaterThan(24 + 5));
            Assert.That(Sum("tally_processor_transaction_size_bytes_sum"), Is.GreaterThan(24 * 20));
            Assert.That(Sum("tally_processor_state_memory_bytes"), Is.GreaterThan(600 * 16));
            Assert.That(lines, Has.Some.StartsWith("tally_processor_state_files_bytes "));
            Assert.That(lines, Has.Some.StartsWith("tally_processor_restore_progress_ratio 1"));
            Assert.That(lines, Has.Some.StartsWith("tally_processor_standby_copies 0"));
        });
    }

    [Test]
    public async Task Ten_thousand_poison_records_in_a_row_are_each_a_dead_letter_once_and_hold_up_nothing()
    {
        const int InARow = 10_000;
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await topics.CreateAsync();
        topics.Produce(new Random(1), 1_000);
        topics.Produce(new Random(2), 1_000, poison: 4 * InARow);
        topics.Produce(new Random(3), 1_000);
        var port = FreePort.Next();
        await using var processor = Start(broker.BootstrapServers, port);
        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), "their neighbours are counted");
        using var http = Client(port);
        await Eventually.HoldsAsync("no partition has a lag", async () =>
        {
            var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
            var lags = metrics.Split('\n').Where(line => line.StartsWith("tally_processor_lag{", StringComparison.Ordinal) && line.Contains("hourly-analytics", StringComparison.Ordinal));
            return lags.Count() == 4 && lags.All(line => line.EndsWith(" 0", StringComparison.Ordinal));
        });
        var letters = topics.ReadAll(topics.Kafka.Topics.DeadLetter).Select(DeadLetterOffset).GroupBy(letter => letter.Partition).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(letters, Has.Length.EqualTo(4));
            foreach (var ofPartition in letters)
            {
                var offsets = ofPartition.Select(letter => letter.Offset).ToArray();
                Assert.That(offsets, Is.EqualTo(Enumerable.Range(0, InARow).Select(n => offsets[0] + n)), "each in its order, none twice");
            }
        });
    }

    [Test]
    public async Task State_that_is_damaged_or_vanishes_costs_a_restore_and_never_a_count()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await topics.CreateAsync();
        var folder = Directory.CreateTempSubdirectory("tally-state-");
        await using var processor = Start(broker.BootstrapServers, FreePort.Next(), null, ("State__Directory", folder.FullName), ("State__SnapshotInterval", "00:00:01"));
        topics.Produce(new Random(1), 4_000);
        topics.ReadHoursWhenAllIsCounted();
        Assert.That(await processor.StopAsync(TimeSpan.FromSeconds(10)), Is.Zero, processor.Log);
        foreach (var file in folder.EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.Length > 0))
        {
            var bytes = await File.ReadAllBytesAsync(file.FullName);
            bytes[bytes.Length / 2] ^= 4;
            await File.WriteAllBytesAsync(file.FullName, bytes);
        }
        processor.Start();
        topics.Produce(new Random(2), 2_000);
        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), "after a bit of every file was flipped");
        Assert.That(processor.Log, Does.Contain("It is restored from the changelog"));

        folder.Delete(recursive: true);
        topics.Produce(new Random(3), 2_000);
        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), "while it ran its folder was removed");
        await processor.KillAsync();
        processor.Start();
        topics.Produce(new Random(4), 1_000);
        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), "after a start without the folder");
        await processor.KillAsync();
        folder.Delete(recursive: true);
    }

    [Test]
    public async Task A_state_folder_that_cannot_be_made_ends_it_with_one_sentence()
    {
        await using var broker = await TestBroker.StartAsync();
        await new AnalyticsTopics(broker.BootstrapServers, 4).CreateAsync();
        await using var processor = Start(broker.BootstrapServers, FreePort.Next(), null, ("State__Directory", "/proc/tally"));
        Assert.That(await processor.ExitedAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(1), processor.Log);
        Assert.That(processor.Log, Does.Contain("State:Directory /proc/tally cannot be used"));
    }

    [TestCase("Processor__Engine", "flink", "Processor:Engine must be native or streamiz")]
    [TestCase("Processor__CommitInterval", "00:01:00", "Processor:CommitInterval must be from 5 milliseconds to 5 seconds")]
    [TestCase("Processor__Typo", "1", "Typo")]
    [TestCase("HashKey__Value", "", "HashKey:File is not set")]
    public async Task A_wrong_setting_ends_the_start_with_one_sentence(string variable, string value, string sentence)
    {
        await using var processor = Start("127.0.0.1:1", FreePort.Next(), null, (variable, value));
        var code = await processor.ExitedAsync(TimeSpan.FromSeconds(15));
        Assert.Multiple(() =>
        {
            Assert.That(code, Is.EqualTo(2));
            Assert.That(processor.Log.Split('\n').Where(line => line.StartsWith("processor-service: ", StringComparison.Ordinal)), Has.One.Contains(sentence));
        });
    }

    private static (int Partition, long Offset) DeadLetterOffset(ConsumeResult<byte[], byte[]> letter) =>
        (letter.Partition, long.Parse(Encoding.UTF8.GetString(letter.Message.Headers.Single(h => h.Key == DeadLetterHeaders.Offset).GetValueBytes()), CultureInfo.InvariantCulture));

    private static HttpClient Client(int port) => new() { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(5) };

    private static async Task<string> Ready(HttpClient http)
    {
        using var answer = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return await answer.Content.ReadAsStringAsync();
    }

    private static ServiceProcess Start(string bootstrap, int port, string? verb = null, params (string Name, string Value)[] more)
    {
        var environment = new Dictionary<string, string>
        {
            ["Kafka__BootstrapServers"] = bootstrap,
            ["Kafka__Partitions"] = "4",
            ["HashKey__Value"] = Key,
            ["Http__Port"] = port.ToString(CultureInfo.InvariantCulture),
            ["State__Directory"] = Path.Combine(TestContext.CurrentContext.WorkDirectory, "state", port.ToString(CultureInfo.InvariantCulture)),
        };
        foreach (var (name, value) in more) environment[name] = value;
        var process = ServiceProcess.Of("processor-service", "ProcessorService", environment, verb is null ? [] : [verb]);
        process.Start();
        return process;
    }
}
