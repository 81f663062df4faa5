using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Batch;

/// <summary>
/// <c>POST /analytics/batch</c>: items are read, checked and sent while the body comes in; neither the body nor the items are held. The answer comes
/// when the last one is settled.
/// </summary>
public sealed class BatchIntake(
    EventProducer producer, UserHasher hasher, IngestTelemetry telemetry, IOptions<IngestOptions> ingest, IOptions<BatchOptions> options, TimeProvider clock)
{
    private static readonly string[] MediaTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"];

    private readonly BatchOptions _options = options.Value;
    private readonly IngestOptions _ingest = ingest.Value;
    private int _underWay;

    public async Task TakeAsync(HttpContext context)
    {
        // Counted here instead: the server would break the connection before the client has read why.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        if (Refuse(context.Request) is { } refusal)
        {
            telemetry.Refused(refusal);
            await refusal.WriteAsync(context);
            return;
        }
        var retryAfter = Random.Shared.Next(1, (int)_ingest.MaxRetryAfter.TotalSeconds + 1);
        if (Interlocked.Increment(ref _underWay) > _options.Concurrency)
        {
            Interlocked.Decrement(ref _underWay);
            telemetry.Refused(BatchRefusals.TooManyBatches);
            context.Response.Headers.RetryAfter = $"{retryAfter}";
            await BatchRefusals.TooManyBatches.WriteAsync(context);
            return;
        }
        try
        {
            // Off the thread that waits for sockets: cutting a batch into items is work.
            await Task.Yield();
            if (await TakeBodyAsync(context) is { } result) await result.WriteAsync(context, retryAfter);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>What can be told before the body.</summary>
    private Refusal? Refuse(HttpRequest request)
    {
        if (request.QueryString.HasValue && request.QueryString.Value!.Length > 1) return BatchRefusals.Parameters;
        if (request.Headers.ContainsKey(EventIntake.IdempotencyKey)) return BatchRefusals.Key;
        if (request.Headers.ContentEncoding.Count > 0) return BatchRefusals.MediaType;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !MediaTypes.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase))
            return BatchRefusals.MediaType;
        return request.ContentLength > _options.MaxBytes ? BatchRefusals.TooLarge : null;
    }

    /// <returns>Null when the client has gone.</returns>
    private async Task<BatchResult?> TakeBodyAsync(HttpContext context)
    {
        var result = new BatchResult();
        var sender = new BatchSender(producer, telemetry, result, _options.Window, _ingest.DeliveryTimeout, clock);
        try
        {
            await SendItemsAsync(context, sender, result);
        }
        catch (BadHttpRequestException e)
        {
            result.Failure = e.StatusCode == StatusCodes.Status408RequestTimeout ? BatchRefusals.TooSlow : BatchRefusals.CutOff;
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException or OperationCanceledException or IOException)
        {
            return null;
        }
        finally
        {
            await sender.SettleAsync();
        }
        return result;
    }

    private async Task SendItemsAsync(HttpContext context, BatchSender sender, BatchResult result)
    {
        var latest = clock.GetUtcNow().ToUnixTimeMilliseconds() + (long)_ingest.FutureTolerance.TotalMilliseconds;
        var body = new BatchBody(hasher, latest);
        var entries = new List<BatchEntry>();
        var reader = context.Request.BodyReader;
        var taken = 0L;
        while (result.Failure is null)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            if (taken + read.Buffer.Length > _options.MaxBytes)
            {
                result.Failure = BatchRefusals.TooLarge;
                reader.AdvanceTo(read.Buffer.End);
                return;
            }
            entries.Clear();
            var consumed = body.Take(read.Buffer, read.IsCompleted, entries);
            taken += read.Buffer.Slice(0, consumed).Length;
            reader.AdvanceTo(consumed, read.Buffer.End);
            foreach (var entry in entries)
            {
                if (result.Read == _options.MaxItems)
                {
                    result.Failure = BatchRefusals.TooManyItems;
                    return;
                }
                await TakeAsync(entry, result.Read++, sender, result);
            }
            result.Failure = body.Failure;
            if (read.IsCompleted) return;
        }
    }

    private ValueTask TakeAsync(in BatchEntry entry, int index, BatchSender sender, BatchResult result)
    {
        if (entry.Refusal is not { } refusal) return sender.SendAsync(index, entry.Record);
        telemetry.Refused(refusal);
        result.Refuse(index, refusal);
        return ValueTask.CompletedTask;
    }
}
