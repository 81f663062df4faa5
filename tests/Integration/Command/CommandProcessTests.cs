using System.Globalization;
using System.Net;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>The built program: how it ends.</summary>
public sealed class CommandProcessTests : CommandFixture
{
    [Test]
    public async Task SIGTERM_ends_it_with_exit_code_0()
    {
        await using var command = Command(out var http);
        using var _ = http;
        command.Start();
        await EventsAreTakenAsync(http);

        Assert.That(await command.StopAsync(Eventually.Promptly), Is.Zero, () => command.Log);
        Assert.That(ReadEvents(), Is.Not.Empty);
    }

    [Test]
    public async Task Another_hash_key_than_what_was_counted_with_ends_it_before_it_takes_an_event()
    {
        var counted = new UserHasher(Enumerable.Repeat((byte)9, 32).ToArray()).Fingerprint;
        await WriteProgressAsync(counted, aborted: 150);
        await using var command = Command(out var http);
        using var _ = http;
        command.Start();

        Assert.That(await command.ExitedAsync(Eventually.Promptly), Is.EqualTo(ServiceRun.Failed), () => command.Log);
        Assert.That(command.Log, Does.Contain($"analytics.hours was counted with the hash key of fingerprint {counted}").And.Contains("set HashKey:File"));
        Assert.That(ReadEvents(), Is.Empty);
    }

    [Test]
    public async Task The_hash_key_that_was_counted_with_is_accepted_also_when_aborted_transactions_follow_the_last_progress()
    {
        await WriteProgressAsync(new UserHasher(Convert.FromHexString(CommandApp.HashKey)).Fingerprint, aborted: 150);
        await using var command = Command(out var http);
        using var _ = http;
        command.Start();
        await EventsAreTakenAsync(http);
        Assert.That(command.Running);
    }

    [Test]
    public async Task A_progress_record_that_cannot_be_read_is_the_processors_to_judge()
    {
        await WriteProgressAsync("unreadable", aborted: 0, [0xff]);
        await using var command = Command(out var http);
        using var _ = http;
        command.Start();
        await EventsAreTakenAsync(http);
        Assert.That(command.Running);
    }

    [Test]
    public async Task The_largest_batch_passes_through_a_heap_smaller_than_its_body()
    {
        const int heapMiB = 24;
        await using var command = Command(out var http).With(new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = (heapMiB << 20).ToString("x", CultureInfo.InvariantCulture) });
        using var _ = http;
        command.Start();
        await EventsAreTakenAsync(http);

        var bytes = await PostAsync(http, 100_000);

        await TestContext.Out.WriteLineAsync($"a batch of {bytes >> 20} MiB; command-service held {MemoryKiB(command, "VmHWM:") >> 10} MiB at the most, all told");
        Assert.That(bytes, Is.GreaterThan(heapMiB << 20), "the heap could hold the body");
        Assert.That(command.Running);

        static async Task<long> PostAsync(HttpClient http, int items)
        {
            var padding = new string('x', 200);
            var body = new MemoryStream();
            await using (var writer = new StreamWriter(body, leaveOpen: true))
            {
                for (var n = 0; n < items; n++)
                    await writer.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $$"""{"timestamp":{{n}},"user":"{{padding}}{{n}}","event":"click","id":"{{n}}"}"""));
            }
            var length = body.Position;
            body.Position = 0;
            using var content = new StreamContent(body);
            content.Headers.ContentType = new("application/x-ndjson");
            using var answer = await http.PostAsync(new Uri("/analytics/batch", UriKind.Relative), content);
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain($"\"accepted\":{items}"));
            return length;
        }
    }

    private static long MemoryKiB(ServiceProcess process, string name) => long.Parse(
        File.ReadLines($"/proc/{process.Id}/status").Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    private ServiceProcess Command(out HttpClient http)
    {
        var port = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        return ServiceProcess.Of("command", "CommandService", new Dictionary<string, string>
        {
            ["Http__Port"] = port,
            ["HashKey__Value"] = CommandApp.HashKey,
            ["Kafka__BootstrapServers"] = Broker.BootstrapServers,
        });
    }

    private static Task EventsAreTakenAsync(HttpClient http) => Eventually.HoldsAsync("events are taken", async () =>
    {
        using var answer = await http.PostAsync(new Uri("/analytics?timestamp=1&user=u&click", UriKind.Relative), null);
        return answer.StatusCode == HttpStatusCode.NoContent;
    });

    /// <summary>What a processor leaves behind: a progress record, then transactions that came to nothing.</summary>
    private async Task WriteProgressAsync(string fingerprint, int aborted, byte[]? instead = null)
    {
        await Broker.CreateTopicAsync("analytics.hours", Partitions);
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = Broker.BootstrapServers,
            TransactionalId = "test",
        }).Build();
        producer.InitTransactions(Eventually.Patience);
        Write(producer, RecordKeys.Progress(3), instead ?? new Progress { Partition = 3, NextOffset = 1, KeyFingerprint = fingerprint }.ToByteArray());
        producer.CommitTransaction();
        for (var n = 0; n < aborted; n++)
        {
            Write(producer, RecordKeys.HourPartial(1, 3), []);
            producer.Flush(Eventually.Patience);
            producer.AbortTransaction();
        }
    }

    private static void Write(IProducer<byte[], byte[]> producer, byte[] key, byte[] value)
    {
        producer.BeginTransaction();
        producer.Produce(new TopicPartition("analytics.hours", 3), new Message<byte[], byte[]> { Key = key, Value = value });
    }
}
