using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>
/// <c>GET /events/get-sets</c> and <c>/events/get-stats</c> on the internal port; query-service hands them through. <c>/events/progress</c> is for its accounting:
/// a Progress a partition, each behind its length.
/// </summary>
public static class ColourEndpoints
{
    private const int SetsBetweenFlushes = 1000;

    private static readonly byte[] Elsewhere = ProblemBody.Write(StatusCodes.Status503ServiceUnavailable, "colours-elsewhere",
        "The colours are not here.", null, "Another instance has them, or they are being read again. Ask again after Retry-After.");

    private static readonly byte[] BadRange = ProblemBody.Write(StatusCodes.Status400BadRequest, "invalid-range", "The request was refused.", "startTime",
        "startTime and endTime must be 64-bit integers, each given once at the most, and nothing else.");

    public static void MapColours(this WebApplication app)
    {
        if (app.Services.GetService<ColourBoard>() is not { } board) return;
        app.MapGet("/events/get-sets", context => GetSetsAsync(context, board));
        app.MapGet("/events/get-stats", context => GetStatsAsync(context, board));
        var clock = app.Services.GetRequiredService<TimeProvider>();
        app.MapGet("/events/progress", context => GetProgressAsync(context, board, clock.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    private static async Task GetSetsAsync(HttpContext context, ColourBoard board)
    {
        if (!TryRange(context.Request.Query, out var start, out var end))
        {
            await WriteAsync(context, StatusCodes.Status400BadRequest, BadRange);
            return;
        }
        if (board.Read() is not { } reading)
        {
            await ElsewhereAsync(context);
            return;
        }
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("sets");
        var count = 0;
        foreach (var set in reading.View.Between(start, end))
        {
            json.WriteStartObject();
            Write(json, "r", set.Red);
            Write(json, "g", set.Green);
            Write(json, "b", set.Blue);
            json.WriteEndObject();
            if (++count % SetsBetweenFlushes != 0) continue;
            json.Flush();
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static async Task GetStatsAsync(HttpContext context, ColourBoard board)
    {
        if (board.Read() is not { } reading)
        {
            await ElsewhereAsync(context);
            return;
        }
        var (reds, greens, blues) = reading.View.Flow;
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteNumber("valid_sets", reading.View.Sets);
        json.WriteStartObject("events_held");
        json.WriteNumber("r", reds);
        json.WriteNumber("g", greens);
        json.WriteNumber("b", blues);
        json.WriteEndObject();
        json.WriteNumber("events_read", reading.Counted);
        json.WriteNumber("events_out_of_order", reading.OutOfOrder);
        json.WriteNumber("events_aged_out", reading.AgedOut);
        json.WriteNumber("events_dead_lettered", reading.DeadLettered);
        json.WriteStartObject("segments");
        json.WriteNumber("active", 1);
        json.WriteNumber("retired", reading.View.Retired);
        json.WriteNumber("dropped", reading.SegmentsDropped);
        json.WriteEndObject();
        json.WriteNumber("bytes_held", reading.Bytes);
        json.WriteNumber("memory_budget_bytes", reading.Budget);
        json.WriteEndObject();
    }

    private static async Task GetProgressAsync(HttpContext context, ColourBoard board, long nowMs)
    {
        if (board.ReadProgress(nowMs) is not { } records)
        {
            await ElsewhereAsync(context);
            return;
        }
        using var body = new MemoryStream();
        foreach (var record in records) record.WriteDelimitedTo(body);
        context.Response.ContentType = "application/protobuf";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), context.RequestAborted);
    }

    private static bool TryRange(IQueryCollection query, out long start, out long end)
    {
        (start, end) = (long.MinValue, long.MaxValue);
        return query.Keys.All(name => name is "startTime" or "endTime") && TryRead(query, "startTime", ref start) && TryRead(query, "endTime", ref end);
    }

    private static bool TryRead(IQueryCollection query, string name, ref long value) =>
        !query.TryGetValue(name, out var text)
        || (text.Count == 1 && long.TryParse(text[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value));

    private static void Write(Utf8JsonWriter json, string colour, long timestamp)
    {
        json.WriteStartObject(colour);
        json.WriteNumber("timestamp", timestamp);
        json.WriteEndObject();
    }

    private static Task ElsewhereAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, Elsewhere);
    }

    private static Task WriteAsync(HttpContext context, int status, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = ProblemBody.ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
