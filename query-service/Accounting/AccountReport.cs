using System.Buffers;
using System.Text.Json;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Accounting;

/// <summary>The answer of <c>GET /accounting</c>.</summary>
public static class AccountReport
{
    private static readonly JsonWriterOptions ForPeople = new() { Indented = true, NewLine = "\n" };

    /// <param name="accounts">One a job.</param>
    /// <param name="nowMs">Unix time in ms that ages are counted from.</param>
    public static ReadOnlyMemory<byte> Write(IEnumerable<Account> accounts, long nowMs)
    {
        var body = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(body, ForPeople))
        {
            json.WriteStartObject();
            json.WriteNumber("at", nowMs);
            json.WriteStartArray("jobs");
            foreach (var account in accounts) WriteJob(json, account, nowMs);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        "\n"u8.CopyTo(body.GetSpan(1));
        body.Advance(1);
        return body.WrittenMemory;
    }

    private static void WriteJob(Utf8JsonWriter json, Account account, long nowMs)
    {
        json.WriteStartObject();
        json.WriteString("job", account.Job);
        WriteTime(json, "since", account.Partitions.Select(p => p.SinceMs).Where(s => s > 0).DefaultIfEmpty().Min());
        WriteOutcomes(json, account.Outcomes);
        json.WriteStartObject("counts");
        foreach (var (name, count) in account.Counters) json.WriteNumber(name, count);
        json.WriteEndObject();
        json.WriteStartArray("sources");
        foreach (var source in account.Sources) WriteSource(json, source, nowMs);
        json.WriteEndArray();
        json.WriteStartArray("partitions");
        foreach (var partition in account.Partitions)
        {
            WritePosition(json, partition, nowMs);
            json.WriteNumber("read", new OutcomeSum([partition]).Read);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteOutcomes(Utf8JsonWriter json, OutcomeSum outcomes)
    {
        json.WriteStartObject("outcomes");
        json.WriteNumber("read", outcomes.Read);
        json.WriteNumber("counted", outcomes.Counted);
        json.WriteNumber("duplicate", outcomes.Duplicate);
        json.WriteNumber("corrected", outcomes.Corrected);
        json.WriteNumber("aged_out", outcomes.AgedOut);
        json.WriteStartObject("dead_lettered");
        foreach (var (reason, count) in outcomes.DeadLettered) json.WriteNumber(reason, count);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter json, SourceRecords source, long nowMs)
    {
        json.WriteStartObject();
        json.WriteString("source", source.Source);
        json.WriteBoolean("answers", source.Records is not null);
        json.WriteBoolean("complete", source.Complete);
        // No event older than this is missing from the source.
        if (source.Complete) json.WriteNumber("oldest_not_visible_ms", Age(nowMs, source.AsOfMs));
        else json.WriteNull("oldest_not_visible_ms");
        if (source.Records is not null)
        {
            json.WriteNumber("read", new OutcomeSum(source.Records).Read);
            json.WriteStartArray("partitions");
            foreach (var partition in source.Records)
            {
                WritePosition(json, partition, nowMs);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    /// <summary>Begins the partition's object; the caller ends it.</summary>
    private static void WritePosition(Utf8JsonWriter json, Progress partition, long nowMs)
    {
        json.WriteStartObject();
        json.WriteNumber("partition", partition.Partition);
        json.WriteNumber("generation", partition.Generation);
        json.WriteNumber("next_offset", partition.NextOffset);
        json.WriteNumber("as_of_age_ms", Age(nowMs, partition.AsOfMs));
    }

    private static void WriteTime(Utf8JsonWriter json, string name, long unixMs)
    {
        if (unixMs == 0) json.WriteNull(name);
        else json.WriteString(name, DateTimeOffset.FromUnixTimeMilliseconds(unixMs).UtcDateTime);
    }

    private static long Age(long nowMs, long thenMs) => Math.Max(0, nowMs - thenMs);
}
