using System.Buffers;
using System.Text.Json;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Frames;

/// <summary>The answer of <c>GET /frames/stats</c>.</summary>
public static class FrameStats
{
    /// <param name="totals">Of the frames job.</param>
    /// <param name="rates">Frames read and results written a second.</param>
    /// <param name="nowMs">Unix time in ms that the age is counted from.</param>
    public static ReadOnlyMemory<byte> Write(FrameTotals totals, (double Frames, double Results) rates, long nowMs)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("since", DateTimeOffset.FromUnixTimeMilliseconds(totals.SinceMs).UtcDateTime);
            json.WriteNumber("frames", totals.Read);
            json.WriteNumber("counted", totals.Outcomes.Counted);
            json.WriteNumber("corrected", totals.Outcomes.Corrected);
            json.WriteStartObject("dead_lettered");
            foreach (var (reason, count) in totals.Outcomes.DeadLettered) json.WriteNumber(reason, count);
            json.WriteEndObject();
            WriteErrors(json, totals);
            json.WriteNumber("results", totals.Results);
            json.WriteNumber("frames_per_second", rates.Frames);
            json.WriteNumber("results_per_second", rates.Results);
            if (totals.AsOfMs > 0) json.WriteNumber("oldest_not_visible_ms", Math.Max(0, nowMs - totals.AsOfMs));
            else json.WriteNull("oldest_not_visible_ms");
            json.WriteEndObject();
        }
        "\n"u8.CopyTo(body.GetSpan(1));
        body.Advance(1);
        return body.WrittenMemory;
    }

    private static void WriteErrors(Utf8JsonWriter json, FrameTotals totals)
    {
        json.WriteNumber("late", totals.Late);
        json.WriteNumber("error_rate", Rate(totals.Late, totals.Read));
        json.WriteStartObject("windows");
        foreach (var kind in FrameWindowKinds.Names)
        {
            if (totals.LateOf(kind) is not { } late) continue;
            json.WriteStartObject(kind);
            json.WriteNumber("late", late);
            json.WriteNumber("error_rate", Rate(late, totals.Read));
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static double Rate(long late, long read) => read == 0 ? 0 : Math.Round((double)late / read, 9);
}
