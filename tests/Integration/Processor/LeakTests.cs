using System.Globalization;
using Tally.ProcessorService.Engine.Broker;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>
/// Sessions that begin and end again and again leave nothing open. Looked at in this process, so no other test may run beside it. A few here;
/// `make chaos-leaks SESSIONS=1000` for more.
/// </summary>
[NonParallelizable]
public sealed class LeakTests
{
    private const int Before = 4;
    private static readonly int Sessions = int.TryParse(Environment.GetEnvironmentVariable("LEAK_SESSIONS"), out var number) ? number : 16;

    [Test]
    public async Task Sessions_begun_and_ended_leave_no_file_and_no_thread_behind()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var broker = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
        await topics.CreateAsync();
        topics.Produce(new Random(1), 1_000);
        var ended = 0;
        (int Files, int Threads, long Kilobytes) first = default, last = default;
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var engine = new RunningEngine(topics.Kafka, step: step =>
        {
            if (step != "begin" || ended > Sessions) return;
            // Consumer, producer and tasks are all there at this step, each time alike.
            if (ended == Before) first = Held();
            if (ended == Sessions)
            {
                last = Held();
                enough.SetResult();
            }
            if (ended++ < Sessions) throw new CorruptedException("ended by the test");
        });
        var limit = TimeSpan.FromSeconds(Math.Max(60, Sessions));
        await enough.Task.WaitAsync(limit);
        var hours = topics.ReadHoursWhenAllIsCounted();
        await engine.StopAsync();
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"after {Before} sessions {first.Files} files, {first.Threads} threads, {first.Kilobytes} KiB; after {Sessions} {last.Files} files, {last.Threads} threads, {last.Kilobytes} KiB"));
        var leak = (Sessions - Before) / 2;
        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(topics.Oracle.Hours));
            Assert.That(last.Files - first.Files, Is.LessThan(leak), "open files");
            Assert.That(last.Threads - first.Threads, Is.LessThan(leak), "threads");
        });
    }

    private static (int Files, int Threads, long Kilobytes) Held() =>
        (Directory.GetFileSystemEntries("/proc/self/fd").Length, Directory.GetDirectories("/proc/self/task").Length, Environment.WorkingSet / 1024);
}
