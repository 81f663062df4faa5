using System.Diagnostics;
using System.Diagnostics.Metrics;
using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Observability;

namespace Tally.CommandService.Ingest;

/// <summary>Spans and metrics of ingest; all of it costs nothing when nobody listens.</summary>
public sealed class IngestTelemetry : IDisposable
{
    public const string Name = "Tally.CommandService";

    private static readonly ActivitySource Source = new(Name);

    private static readonly Headers Unsampled = new() { { RecordTypes.Header, RecordTypes.AnalyticsEvent } };

    private readonly Meter _meter;
    private readonly Counter<long> _events;
    private readonly Histogram<double> _duration;
    private readonly string _spanName;
    private readonly string _topic;

    public IngestTelemetry(IMeterFactory meters, EventProducer producer, string topic)
    {
        _topic = topic;
        _spanName = $"send {topic}";
        _meter = meters.Create(Name);
        _events = _meter.CreateCounter<long>("tally.ingest.events", "{event}", "Events by outcome and, for refused ones, reason.");
        _duration = _meter.CreateHistogram("messaging.client.operation.duration", "s", "From the hand-over to Kafka to its confirmation.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] });
        _meter.CreateObservableUpDownCounter("tally.ingest.in_flight", () => producer.Session.InFlight, "{event}",
            "Events handed to Kafka and not yet confirmed.");
    }

    /// <summary>A span when the request is sampled; otherwise null.</summary>
    public Activity? StartSend()
    {
        if (!Source.HasListeners() || Activity.Current is not { IsAllDataRequested: true }) return null;
        return Source.StartActivity(_spanName, ActivityKind.Producer, parentContext: default, tags:
        [
            new(MessagingTags.System, MessagingTags.Kafka),
            new(MessagingTags.OperationName, "send"),
            new(MessagingTags.OperationType, "send"),
            new(MessagingTags.Destination, _topic),
        ]);
    }

    /// <summary>Headers for a record: one shared object unless the request is traced.</summary>
    public static Headers HeadersFor(Activity? send)
    {
        var activity = send ?? Activity.Current;
        if (activity is not { Recorded: true }) return Unsampled;
        var headers = new Headers { { RecordTypes.Header, RecordTypes.AnalyticsEvent } };
        TraceContextHeaders.Inject(activity, headers);
        return headers;
    }

    /// <summary>Now, or 0 when nobody measures.</summary>
    public long Begin() => _duration.Enabled ? Stopwatch.GetTimestamp() : 0;

    public void Refused(Refusal why)
    {
        if (_events.Enabled) _events.Add(1, new KeyValuePair<string, object?>("outcome", "rejected"), new("reason", why.Code));
    }

    public void Settled(in Delivery delivery, Activity? send, long begin)
    {
        if (send is not null) End(send, delivery);
        if (_events.Enabled)
            _events.Add(1, new KeyValuePair<string, object?>("outcome", delivery.Outcome == DeliveryOutcome.Stored ? "accepted" : "unavailable"));
        if (begin != 0)
            _duration.Record(Stopwatch.GetElapsedTime(begin).TotalSeconds, new(MessagingTags.System, MessagingTags.Kafka),
                new(MessagingTags.OperationName, "send"), new(MessagingTags.Destination, _topic));
    }

    public void Dispose() => _meter.Dispose();

    private static void End(Activity send, in Delivery delivery)
    {
        if (delivery.Outcome == DeliveryOutcome.Stored)
        {
            send.SetTag(MessagingTags.Partition, delivery.Partition.ToString(System.Globalization.CultureInfo.InvariantCulture));
            send.SetTag(MessagingTags.Offset, delivery.Offset);
        }
        else
        {
            send.SetTag(MessagingTags.ErrorType, delivery.Outcome.ToString()).SetStatus(ActivityStatusCode.Error);
        }
        send.Dispose();
    }
}
