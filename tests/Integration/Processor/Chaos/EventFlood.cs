using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Unit.Processor;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>
/// Events over ten days in any order, a third of them under ids that come again, and poison among them. What a broken connection did with a
/// record is not guessed: afterwards the topic itself is recounted.
/// </summary>
public sealed class EventFlood(KafkaOptions kafka, int seed) : IDisposable
{
    /// <summary>Marks a record that must end in the dead letters.</summary>
    public const string PoisonHeader = "chaos-poison";

    private const int Users = 50_000;
    private const int Days = 10;
    private const long FirstHour = 480_000;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly Random _random = new(seed);
    private readonly IProducer<byte[]?, byte[]?> _producer = Producer(kafka);
    private long _written;

    /// <summary>Records handed to the client.</summary>
    public long Sent { get; private set; }

    public void Send(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var record = _random.Next(2_000) == 0 ? Poison() : Event();
            while (!TrySend(record)) _producer.Poll(TimeSpan.FromMilliseconds(20));
            Sent++;
        }
    }

    /// <summary>Waits until all of it is in the topic.</summary>
    public void Flush()
    {
        var began = TimeProvider.System.GetTimestamp();
        while (_producer.Flush(TimeSpan.FromSeconds(1)) > 0 || Interlocked.Read(ref _written) < Sent)
            Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(Limit), $"{Sent - _written} events are not in the topic");
    }

    public void Dispose() => _producer.Dispose();

    private static IProducer<byte[]?, byte[]?> Producer(KafkaOptions kafka)
    {
        var config = KafkaClientConfig.Producer(kafka, "chaos");
        // Sent again and again until it is there: twice does no harm, since the topic is what counts.
        config.EnableIdempotence = false;
        config.MessageTimeoutMs = 0;
        config.LingerMs = 5;
        return new ProducerBuilder<byte[]?, byte[]?>(config).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
    }

    private bool TrySend((byte[]? Key, byte[]? Value, Headers Headers) record)
    {
        try
        {
            _producer.Produce(kafka.Topics.Events, new Message<byte[]?, byte[]?> { Key = record.Key, Value = record.Value, Headers = record.Headers }, report =>
            {
                if (report.Error.IsError) throw new InvalidOperationException($"An event was given up: {report.Error.Reason}");
                Interlocked.Increment(ref _written);
            });
            return true;
        }
        catch (ProduceException<byte[]?, byte[]?> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
        {
            return false;
        }
    }

    private (byte[]? Key, byte[]? Value, Headers Headers) Event()
    {
        // Nine of ten lie near where time has come to, the others anywhere in the days before and after.
        var current = Sent / 20_000 % (Days * 24);
        var hour = FirstHour + (_random.Next(10) == 0 ? _random.Next(Days * 24) : current);
        var id = _random.Next(3) == 0 ? $"id-{_random.Next(3)}" : null;
        var made = Events.Hashed(
            $"user-{_random.Next(Users)}", Hours.StartMs(hour) + _random.NextInt64(Hours.MillisecondsPerHour), _random.Next(4) == 0 ? EventKind.Click : EventKind.Impression, id);
        return (made.Key, made.Value, made.Headers);
    }

    private (byte[]? Key, byte[]? Value, Headers Headers) Poison()
    {
        var (key, value, headers) = Event();
        headers.Add(PoisonHeader, []);
        switch (_random.Next(4))
        {
            case 0:
                return (key, null, headers);
            case 1:
                return (key, value![..^1], headers);
            case 2:
                return ([1, 2, 3, (byte)_random.Next(256)], value, headers);
            default:
                headers.Remove(RecordTypes.Header);
                headers.Add(RecordTypes.Header, "analytics-event/9"u8.ToArray());
                return (key, value, headers);
        }
    }
}
