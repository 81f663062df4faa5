using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Confluent.Kafka;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;
using Tally.Shared.Observability;

namespace Tally.CommandService.Flows;

/// <summary>Spans and metrics of flows.</summary>
public sealed class FlowTelemetry : IDisposable
{
    private static readonly ActivitySource Source = new(IngestTelemetry.Name);

    private readonly Meter _meter;
    private readonly Counter<long> _arrays;
    private readonly Counter<long> _flows;
    private readonly string _topic;

    public FlowTelemetry(IMeterFactory meters, FlowBudget budget, string topic)
    {
        _topic = topic;
        _meter = meters.Create(IngestTelemetry.Name);
        _arrays = _meter.CreateCounter<long>("tally.ingest.flow_arrays", "{array}", "Arrays of flows by outcome and, for refused ones, reason.");
        _flows = _meter.CreateCounter<long>("tally.ingest.flows", "{flow}", "Flows in accepted arrays.");
        _meter.CreateObservableUpDownCounter("tally.ingest.flow_bytes_in_flight", () => budget.Taken, "By",
            "Bytes of arrays being read or waiting for Kafka.");
    }

    /// <summary>A span when the request is sampled; otherwise null.</summary>
    public Activity? StartSend() => !Source.HasListeners() || Activity.Current is not { IsAllDataRequested: true }
        ? null
        : Source.StartActivity($"send {_topic}", ActivityKind.Producer, parentContext: default, tags:
        [
            new(MessagingTags.System, MessagingTags.Kafka),
            new(MessagingTags.OperationName, "send"),
            new(MessagingTags.OperationType, "send"),
            new(MessagingTags.Destination, _topic),
        ]);

    public static Headers HeadersFor(Activity? send)
    {
        var headers = new Headers { { RecordTypes.Header, RecordTypes.FlowArray } };
        if ((send ?? Activity.Current) is { Recorded: true } activity) TraceContextHeaders.Inject(activity, headers);
        return headers;
    }

    public void Refused(string code) => _arrays.Add(1, new KeyValuePair<string, object?>("outcome", "rejected"), new("reason", code));

    public void Settled(in Delivery delivery, int flows, Activity? send)
    {
        var stored = delivery.Outcome == DeliveryOutcome.Stored;
        _arrays.Add(1, new KeyValuePair<string, object?>("outcome", stored ? "accepted" : "unavailable"));
        if (stored)
        {
            _flows.Add(flows);
            send?.SetTag(MessagingTags.Partition, delivery.Partition.ToString(CultureInfo.InvariantCulture)).SetTag(MessagingTags.Offset, delivery.Offset);
        }
        else
        {
            send?.SetTag(MessagingTags.ErrorType, delivery.Outcome.ToString()).SetStatus(ActivityStatusCode.Error);
        }
    }

    public void Dispose() => _meter.Dispose();
}
