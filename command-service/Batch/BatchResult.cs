using System.Text.Json;
using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;

namespace Tally.CommandService.Batch;

/// <summary>What became of a batch: how many were accepted, and of each other item its index and why. Grows by refused items only.</summary>
public sealed class BatchResult
{
    private const int FlushBytes = 32 * 1024;

    private readonly List<(int Index, Refusal Why)> _refused = [];
    private readonly SortedDictionary<int, long> _positions = [];
    private bool _unavailable;

    /// <summary>Items durable in Kafka.</summary>
    public int Accepted { get; private set; }

    /// <summary>Items read; the first of those not taken has this index.</summary>
    public int Read { get; set; }

    /// <summary>Why the rest of the body was not taken; null when all of it was read.</summary>
    public Refusal? Failure { get; set; }

    public void Accept(in Delivery delivery)
    {
        Accepted++;
        if (!_positions.TryGetValue(delivery.Partition, out var held) || held < delivery.Offset) _positions[delivery.Partition] = delivery.Offset;
    }

    public void Refuse(int index, Refusal why)
    {
        _unavailable |= why.Status == StatusCodes.Status503ServiceUnavailable;
        _refused.Add((index, why));
    }

    /// <summary>Status, headers and body; the body goes out in pieces.</summary>
    public async Task WriteAsync(HttpContext context, int retryAfterSeconds)
    {
        var response = context.Response;
        response.StatusCode = Failure?.Status ?? (_unavailable ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
        response.ContentType = Failure is null ? "application/json" : ProblemBody.ContentType;
        if (response.StatusCode == StatusCodes.Status503ServiceUnavailable) response.Headers.RetryAfter = $"{retryAfterSeconds}";
        if (_positions.Count > 0) response.Headers[EventIntake.Position] = string.Join(',', _positions.Select(p => FormattableString.Invariant($"{p.Key}.{p.Value}")));
        // Items settle out of order.
        _refused.Sort((a, b) => a.Index.CompareTo(b.Index));
        var writer = response.BodyWriter;
        using var json = new Utf8JsonWriter(writer);
        WriteHead(json);
        foreach (var (index, why) in _refused)
        {
            WriteRefused(json, index, why);
            if (json.BytesPending < FlushBytes) continue;
            await json.FlushAsync(context.RequestAborted);
            await writer.FlushAsync(context.RequestAborted);
        }
        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(context.RequestAborted);
    }

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        if (Failure is not null)
        {
            json.WriteString("type", $"urn:tally:problem:{Failure.Code}");
            json.WriteString("title", Failure.Title);
            json.WriteNumber("status", Failure.Status);
            json.WriteString("detail", Failure.Detail);
            if (Failure.Field is not null) json.WriteString("field", Failure.Field);
            json.WriteNumber("next_index", Read);
        }
        json.WriteNumber("accepted", Accepted);
        json.WriteStartArray("refused");
    }

    private static void WriteRefused(Utf8JsonWriter json, int index, Refusal why)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteString("code", why.Code);
        if (why.Field is not null) json.WriteString("field", why.Field);
        json.WriteString("detail", why.Detail);
        json.WriteEndObject();
    }
}
