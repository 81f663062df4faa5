using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Tally.CommandService.Ingest;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Flows;

/// <summary>Takes an array of flows: reads and checks it as it comes in, hands it to Kafka as one record, answers once it is durable.</summary>
public sealed class FlowIntake(
    EventProducer producer, FlowBudget budget, FlowTelemetry telemetry, IOptions<FlowOptions> options, IOptions<IngestOptions> ingest,
    IOptions<KafkaOptions> kafka)
{
    private readonly FlowOptions _options = options.Value;
    private readonly string _topic = kafka.Value.Topics.Flows;
    private readonly int _maxRetryAfter = (int)ingest.Value.MaxRetryAfter.TotalSeconds;

    /// <summary><c>POST /flows</c>.</summary>
    public async Task TakeAsync(HttpContext context)
    {
        if (!TryReadKey(context, out var key, out var refusal))
        {
            await RefuseAsync(context, refusal!);
            return;
        }
        var bytes = Math.Min(context.Request.ContentLength ?? _options.MaxBodyBytes, _options.MaxBodyBytes);
        if (!budget.TryTake(bytes))
        {
            await UnavailableAsync(context, FlowRefusals.Overloaded);
            return;
        }
        try
        {
            await TakeAsync(context, key);
        }
        finally
        {
            budget.Return(bytes);
        }
    }

    private async Task TakeAsync(HttpContext context, byte[]? key)
    {
        var reader = new FlowArrayReader(_options.MaxElements);
        if (await ReadAsync(context, reader) is { } fault)
        {
            telemetry.Refused(fault.Code);
            await fault.WriteAsync(context);
            return;
        }
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        // Nothing to store: nothing to wait for.
        if (reader.Count == 0) return;
        using var span = telemetry.StartSend();
        var message = new Message<byte[], byte[]> { Key = key!, Value = reader.Written.ToArray(), Headers = FlowTelemetry.HeadersFor(span) };
        var delivery = await producer.SendAsync(_topic, message);
        telemetry.Settled(delivery, reader.Count, span);
        if (delivery.Outcome == DeliveryOutcome.Stored)
        {
            context.Response.Headers[EventIntake.Position] = string.Create(CultureInfo.InvariantCulture, $"{delivery.Partition}.{delivery.Offset}");
            return;
        }
        await UnavailableAsync(context, delivery.Outcome switch
        {
            DeliveryOutcome.Overloaded => FlowRefusals.Overloaded,
            DeliveryOutcome.Away => Refusals.KafkaAway,
            _ => FlowRefusals.NotConfirmed,
        });
    }

    /// <returns>What is wrong with the body; null when all of it was read.</returns>
    private async Task<FlowFault?> ReadAsync(HttpContext context, FlowArrayReader reader)
    {
        // Kestrel's own limit would break the connection under a client that still sends, which then never sees why. So the bytes are counted here, and
        // of what is not read any more Kestrel takes a few seconds' worth while the answer goes out.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        if (context.Request.ContentLength > _options.MaxBodyBytes) return FlowFault.TooLarge(_options.MaxBodyBytes);
        try
        {
            for (long before = 0; ;)
            {
                var part = await context.Request.BodyReader.ReadAsync(context.RequestAborted);
                if (before + part.Buffer.Length > _options.MaxBodyBytes)
                {
                    context.Request.BodyReader.AdvanceTo(part.Buffer.End);
                    return FlowFault.TooLarge(_options.MaxBodyBytes);
                }
                var fault = reader.Read(part.Buffer, part.IsCompleted, out var consumed);
                before += part.Buffer.Slice(0, consumed).Length;
                context.Request.BodyReader.AdvanceTo(consumed, part.Buffer.End);
                if (fault is not null || part.IsCompleted) return fault;
            }
        }
        catch (BadHttpRequestException e)
        {
            return new FlowFault(e.StatusCode, "malformed-request", null, "body", "The body did not arrive as HTTP says it should.");
        }
    }

    private static bool TryReadKey(HttpContext context, out byte[]? key, out Refusal? refusal)
    {
        (key, refusal) = (null, null);
        var encoding = context.Request.Headers.ContentEncoding;
        if (encoding.Count > 0 && encoding != "identity") refusal = FlowRefusals.Encoding;
        else if (context.Request.Headers.TryGetValue(EventIntake.IdempotencyKey, out var keys))
            refusal = keys.Count > 1 ? Refusals.Key.Twice : ReadKey(keys[0] ?? "", out key);
        return refusal is null;
    }

    /// <summary>A header is taken as it is, not percent-decoded.</summary>
    private static Refusal? ReadKey(string text, out byte[]? key)
    {
        key = null;
        if (text.Length == 0) return Refusals.Key.Empty;
        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > EventQuery.MaxIdBytes) return Refusals.Key.TooLong;
        if (text.AsSpan().ContainsAnyInRange('\ud800', '\udfff') && bytes.AsSpan().IndexOf("\uFFFD"u8) >= 0) return Refusals.Key.NotUtf8;
        if (PercentEncoding.Check(bytes) is var fault and not TextFault.None) return Refusals.Key.Of(fault);
        key = bytes;
        return null;
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        telemetry.Refused(refusal.Code);
        return refusal.WriteAsync(context);
    }

    private Task UnavailableAsync(HttpContext context, Refusal refusal)
    {
        if (ReferenceEquals(refusal, FlowRefusals.Overloaded)) telemetry.Refused(refusal.Code);
        context.Response.Headers.RetryAfter = Random.Shared.Next(1, _maxRetryAfter + 1).ToString(CultureInfo.InvariantCulture);
        return refusal.WriteAsync(context);
    }
}
