using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>Writes a series while it is read: an item a step, those without events too, then the total.</summary>
public sealed class RangeJson(PipeWriter body, RangeRequest request) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(body, new JsonWriterOptions { SkipValidation = true });

    public void Begin()
    {
        _json.WriteStartObject();
        _json.WriteNumber("from", Hours.StartMs(request.Range.From));
        _json.WriteNumber("to", Hours.StartMs(request.Range.To));
        _json.WriteString("step", request.Range.Kind == SpanKind.Day ? "day" : "hour");
        _json.WriteStartArray("series");
    }

    /// <summary>Writes the items of a page.</summary>
    /// <param name="run">What it spans.</param>
    /// <param name="counts">In the order of their starts.</param>
    /// <param name="total">Takes them too.</param>
    public void Add(SpanRun run, IReadOnlyList<SpanCounts> counts, RangeTotal total)
    {
        var at = 0;
        var users = new List<SpanUsers>();
        for (var start = run.From; start < run.To; start += request.StepHours)
        {
            users.Clear();
            var (clicks, impressions) = (0L, 0L);
            for (; at < counts.Count && counts[at].Start == start; at++)
            {
                total.Add(counts[at]);
                users.Add(counts[at].Users);
                clicks += counts[at].Clicks;
                impressions += counts[at].Impressions;
            }
            _json.WriteStartObject();
            _json.WriteNumber("start", Hours.StartMs(start));
            WriteNumbers(UserEstimate.Sum(users), clicks, impressions);
        }
    }

    public void End(RangeTotal total)
    {
        _json.WriteEndArray();
        _json.WriteStartObject("total");
        WriteNumbers(total.Users(), total.Clicks, total.Impressions);
        _json.WriteEndObject();
        _json.Flush();
        body.Write("\n"u8);
    }

    /// <summary>Sends what is written; waits for a reader that is slower.</summary>
    public async Task FlushAsync(CancellationToken cancellation)
    {
        _json.Flush();
        await body.FlushAsync(cancellation).ConfigureAwait(false);
    }

    public void Dispose() => _json.Dispose();

    private void WriteNumbers(in UserEstimate users, long clicks, long impressions)
    {
        _json.WriteNumber("unique_users", users.Users);
        _json.WriteNumber("clicks", clicks);
        _json.WriteNumber("impressions", impressions);
        _json.WriteBoolean("exact", users.Exact);
        _json.WriteNumber("standard_error", Math.Round(users.StandardError, 6));
        if (!users.Exact) _json.WriteNumber("pending_users", users.Pending);
        _json.WriteEndObject();
    }
}
