using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.ProcessorService.Engine.Kafka.Wire;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Reads records in batches, where they lie: nothing is copied or allocated for one.</summary>
public abstract class KafkaRecordLog : IRecordLog
{
    /// <summary>While nothing comes, what the group tells is looked for this often.</summary>
    private const long LookMs = 20;

    private IRecordFetch? _fetch;

    public bool TryRead(TimeSpan wait, out LogRecord record)
    {
        if (_fetch is not null && _fetch.TryNext(out record)) return true;
        return TryReadOn(wait, out record);
    }

    public abstract void Dispose();

    /// <summary>To be called before anything is read.</summary>
    private protected void Begin(IRecordFetch fetch) => _fetch = fetch;

    /// <summary>How records come, or null once there will be none.</summary>
    private protected IRecordFetch? Fetch => _fetch;

    /// <summary>Lets the client call its handlers. No record is in hand meanwhile.</summary>
    /// <exception cref="SessionEndException">It can read no more.</exception>
    protected virtual void Serve()
    {
    }

    /// <summary>Goes on by librdkafka where <paramref name="refused"/> stopped.</summary>
    private protected abstract void GoOnThroughLibrdkafka(WireFetch refused);

    /// <summary>Lets go of all records; to be called before the consumer is disposed.</summary>
    protected void EndReading()
    {
        _fetch?.Dispose();
        _fetch = null;
    }

    private bool TryReadOn(TimeSpan wait, out LogRecord record)
    {
        var until = Environment.TickCount64 + (long)Math.Ceiling(wait.TotalMilliseconds);
        while (true)
        {
            Serve();
            if (_fetch is null) break;
            var left = until - Environment.TickCount64;
            if (_fetch.TryFill(TimeSpan.FromMilliseconds(Math.Clamp(left, 0, LookMs))) && _fetch.TryNext(out record)) return true;
            if (_fetch is WireFetch { Refusal: not null } refused)
            {
                using (refused) GoOnThroughLibrdkafka(refused);
            }
            if (left <= 0) break;
        }
        record = default;
        return false;
    }
}
