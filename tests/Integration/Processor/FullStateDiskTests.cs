using System.Diagnostics;
using System.Globalization;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>processor-service with its state on a file system that fills up.</summary>
public sealed class FullStateDiskTests
{
    [Test]
    public async Task A_full_disk_is_named_and_counting_goes_on_exact_once_there_is_room()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        var folder = Directory.CreateTempSubdirectory("tally-state-disk-");
        if (Run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder.FullName) != 0)
        {
            folder.Delete();
            Assert.Ignore("A small file system can be mounted by root only, and not in every container.");
        }
        try
        {
            await using var broker = await TestBroker.StartAsync();
            var topics = new AnalyticsTopics(broker.BootstrapServers, 4);
            await topics.CreateAsync();
            await using var processor = Processor(broker.BootstrapServers, folder.FullName);
            processor.Start();
            topics.Produce(new Random(1), 1_000);
            Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), processor.Log);

            var filler = Path.Combine(folder.FullName, "somebody-elses-file");
            Fill(filler);
            for (var part = 0; part < 6; part++) topics.Produce(new Random(10 + part), 60_000, users: 1_000_000);
            await Eventually.HoldsAsync("it says that the disk is full", () => Task.FromResult(
                processor.Log.Contains("cannot be used (No space left on device", StringComparison.Ordinal)
                && processor.Log.Contains("check State:Directory for space and rights", StringComparison.Ordinal)));
            Assert.That(processor.Running, processor.Log);

            File.Delete(filler);
            Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours), processor.Log);
            Assert.That(await processor.StopAsync(TimeSpan.FromSeconds(15)), Is.Zero, processor.Log);
        }
        finally
        {
            Run("umount", "-l", folder.FullName);
            folder.Delete(recursive: true);
        }
    }

    private static ServiceProcess Processor(string bootstrap, string folder) => ServiceProcess.Of("processor-full-disk", "ProcessorService", new Dictionary<string, string>
    {
        ["Kafka__BootstrapServers"] = bootstrap,
        ["Kafka__Partitions"] = "4",
        ["HashKey__Value"] = new('0', 64),
        ["Http__Port"] = FreePort.Next().ToString(CultureInfo.InvariantCulture),
        ["Processor__Jobs"] = "analytics",
        ["State__Directory"] = folder,
        // The least there is, so that what comes must go to disk.
        ["State__MemoryBudget"] = $"{16 << 20}",
    });

    private static void Fill(string file)
    {
        using var stream = new FileStream(file, FileMode.Create);
        try
        {
            while (true) stream.Write(new byte[1 << 20]);
        }
        catch (IOException)
        {
            // That was the purpose.
        }
    }

    private static int Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
