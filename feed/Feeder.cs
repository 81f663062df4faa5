using System.Globalization;
using Confluent.Kafka;
using Tally.Shared.Kafka;

namespace Tally.Feed;

/// <summary>Sends a source's records at a rate, says each second how far it is, and at the end how many were confirmed.</summary>
/// <param name="rate">Records a second; 0 for as fast as it goes.</param>
public sealed class Feeder(string bootstrap, long rate, TimeProvider clock)
{
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private long _confirmed;
    private long _failed;
    private string? _fault;

    /// <returns>Exit code: 0 when all were confirmed.</returns>
    public int Run(IFeedSource source, CancellationToken stopping)
    {
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(Config()).SetErrorHandler((_, error) => _fault = error.Reason).SetLogHandler((_, _) => { }).Build();
        if (!Knows(producer, source.Topic)) return 1;
        var began = clock.GetTimestamp();
        var told = began;
        long sent = 0;
        foreach (var (partition, message) in source.Records)
        {
            while (rate > 0 && sent >= clock.GetElapsedTime(began).TotalSeconds * rate && !stopping.IsCancellationRequested) stopping.WaitHandle.WaitOne(Slice);
            if (stopping.IsCancellationRequested) break;
            Send(producer, new TopicPartition(source.Topic, partition ?? Partition.Any), message, stopping);
            sent++;
            if (sent % 256 != 0 && rate == 0) continue;
            if (clock.GetElapsedTime(told) < TimeSpan.FromSeconds(1)) continue;
            told = clock.GetTimestamp();
            Tell(source, began, "…");
        }
        var left = producer.Flush(TimeSpan.FromSeconds(30));
        Tell(source, began, "");
        if (left == 0 && _failed == 0) return 0;
        Console.Error.WriteLine($"feed: {left + _failed} of {sent} records were not confirmed by {bootstrap} ({_fault ?? "no answer"})");
        return 1;
    }

    /// <summary>Asks for the topic before the clock runs: librdkafka would by a timer of a second.</summary>
    private bool Knows(IProducer<byte[]?, byte[]?> producer, string topic)
    {
        string why;
        try
        {
            using var admin = new DependentAdminClientBuilder(producer.Handle).Build();
            var found = admin.GetMetadata(topic, Patience).Topics[0].Error;
            if (!found.IsError) return true;
            why = found.Reason;
        }
        catch (KafkaException e)
        {
            why = _fault ?? e.Error.Reason;
        }
        Console.Error.WriteLine($"feed: {bootstrap} does not have {topic} ({why}): is it running (`make up`), or is another meant (BOOTSTRAP=host:port)?");
        return false;
    }

    private void Send(IProducer<byte[]?, byte[]?> producer, TopicPartition to, Message<byte[]?, byte[]?> message, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                producer.Produce(to, message, Confirm);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?> e) when (e.Error.Code == ErrorCode.Local_QueueFull && !stopping.IsCancellationRequested)
            {
                // Polling is the client's own thread's; the queue has a bound, and this is its back-pressure.
                stopping.WaitHandle.WaitOne(Slice);
            }
        }
    }

    private void Confirm(DeliveryReport<byte[]?, byte[]?> report)
    {
        if (!report.Error.IsError)
        {
            Interlocked.Increment(ref _confirmed);
            return;
        }
        _fault = report.Error.Reason;
        Interlocked.Increment(ref _failed);
    }

    private void Tell(IFeedSource source, long began, string end)
    {
        var seconds = Math.Max(0.001, clock.GetElapsedTime(began).TotalSeconds);
        var confirmed = Interlocked.Read(ref _confirmed);
        var inside = source.Inside is { } many ? string.Create(CultureInfo.InvariantCulture, $", {confirmed * many.Count / seconds:F0} {many.Name}/s") : "";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{confirmed} records to {source.Topic} in {seconds:F1} s, {confirmed / seconds:F0} records/s{inside}{end}"));
    }

    private ProducerConfig Config()
    {
        var config = KafkaClientConfig.Producer(new KafkaOptions { BootstrapServers = bootstrap }, "tally-feed");
        config.LingerMs = 10;
        config.DeliveryReportFields = "status";
        config.QueueBufferingMaxMessages = 100_000;
        config.QueueBufferingMaxKbytes = 65_536;
        config.MessageTimeoutMs = 30_000;
        return config;
    }
}
