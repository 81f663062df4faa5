using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.CommandService.Ingest;

/// <summary>Takes one event: check, hash, hand to Kafka, answer once it is durable.</summary>
/// <remarks>
/// Nothing waits between reading the request and the hand-over, so a client that has gone by then is seen by the server itself; asking
/// for the request's abort token would cost an allocation each.
/// </remarks>
public sealed class EventIntake(EventProducer producer, UserHasher hasher, IngestTelemetry telemetry, IOptions<IngestOptions> options, TimeProvider clock)
{
    public const string Position = "Tally-Position";
    public const string IdempotencyKey = "Idempotency-Key";

    private readonly long _toleranceMs = (long)options.Value.FutureTolerance.TotalMilliseconds;
    private readonly int _maxRetryAfter = (int)options.Value.MaxRetryAfter.TotalSeconds;

    /// <summary><c>POST /analytics</c>.</summary>
    public Task TakeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }) return RefuseBodyAsync(context);
        return TakeQueryAsync(context);
    }

    private Task TakeQueryAsync(HttpContext context)
    {
        if (!TryRead(context, out var record, out var refusal))
        {
            telemetry.Refused(refusal);
            return refusal.WriteAsync(context);
        }
        return SendAsync(context, record);
    }

    private bool TryRead(HttpContext context, out EventRecord record, [NotNullWhen(false)] out Refusal? refusal)
    {
        record = default;
        string? key = null;
        if (context.Request.Headers.TryGetValue(IdempotencyKey, out var keys))
        {
            if (keys.Count > 1) return (refusal = Refusals.Key.Twice) is null;
            key = keys[0];
        }
        Span<byte> scratch = stackalloc byte[EventQuery.ScratchBytes];
        var latest = clock.GetUtcNow().ToUnixTimeMilliseconds() + _toleranceMs;
        if (!EventQuery.TryParse(context.Request.QueryString.Value, key, latest, scratch, out var e, out refusal)) return false;
        record = EventRecord.Of(e, hasher);
        return true;
    }

    private async Task SendAsync(HttpContext context, EventRecord record)
    {
        var begin = telemetry.Begin();
        var span = telemetry.StartSend();
        var delivery = await producer.SendAsync(record, IngestTelemetry.HeadersFor(span));
        telemetry.Settled(delivery, span, begin);

        var response = context.Response;
        if (delivery.Outcome == DeliveryOutcome.Stored)
        {
            response.StatusCode = StatusCodes.Status204NoContent;
            response.Headers[Position] = string.Create(CultureInfo.InvariantCulture, $"{delivery.Partition}.{delivery.Offset}");
            return;
        }
        response.Headers.RetryAfter = Random.Shared.Next(1, _maxRetryAfter + 1).ToString(CultureInfo.InvariantCulture);
        await Explain(delivery.Outcome).WriteAsync(context);
    }

    private static Refusal Explain(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Overloaded => Refusals.Overloaded,
        DeliveryOutcome.Away => Refusals.KafkaAway,
        _ => Refusals.NotConfirmed,
    };

    /// <summary>
    /// A request that may have a body: taken when it turns out to be empty (chunked, without a chunk), unless it gave a length besides,
    /// which Kestrel moves to another header: two servers could read two different requests from that.
    /// </summary>
    private async Task RefuseBodyAsync(HttpContext context)
    {
        var oneLength = context.Request.ContentLength is null && !context.Request.Headers.ContainsKey("X-Content-Length");
        try
        {
            if (oneLength && await IsEmptyAsync(context))
            {
                await TakeQueryAsync(context);
                return;
            }
        }
        catch (BadHttpRequestException malformed)
        {
            await ServerRefusals.AnswerAsync(context, malformed);
            return;
        }
        var limit = context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize;
        var refusal = context.Request.ContentLength > limit ? Refusals.BodyTooLarge : Refusals.Body;
        telemetry.Refused(refusal);
        await refusal.WriteAsync(context);
    }

    private static async Task<bool> IsEmptyAsync(HttpContext context)
    {
        var one = new byte[1];
        return await context.Request.Body.ReadAsync(one, context.RequestAborted) == 0;
    }
}
