using System.Globalization;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Flows;

/// <summary>An hour with more flows than an answer may hold in memory. `make chaos-flows` takes a million.</summary>
public sealed class ManyFlowsTests
{
    private const int PerArray = 10_000;
    private static readonly int Rows = int.TryParse(Environment.GetEnvironmentVariable("FLOW_ROWS"), out var rows) ? rows : 50_000;

    [Test]
    public async Task An_hour_of_many_flows_is_streamed_whole_in_order_and_in_bounded_memory()
    {
        await using var pipeline = await Pipeline.StartAsync();
        var flows = new FlowCalls(pipeline);
        for (var at = 0; at < Rows; at += PerArray)
        {
            var rows = Enumerable.Range(at, PerArray).Select(n => new FlowRow($"service-{n:d8}", "to", "vpc-0", n, 2L * n, 77));
            await flows.PostUntilAcceptedAsync(FlowRow.Json(rows), $"{at}");
        }
        var before = 0L;
        await Eventually.HoldsAsync($"{Rows} flows are read", TimeSpan.FromSeconds(240), async () =>
        {
            before = ProcessMemory.Now(pipeline.Query);
            return await ReadAsync(pipeline) == Rows;
        });
        await TestContext.Out.WriteLineAsync($"{Rows} flows; query-service held {before / 1024} MiB before the last answer and at most {ProcessMemory.Peak(pipeline.Query) / 1024} MiB");
        Assert.That(ProcessMemory.Peak(pipeline.Query), Is.LessThan(300 * 1024));
    }

    /// <returns>Flows of the hour, each checked; -1 while there is no answer.</returns>
    private static async Task<int> ReadAsync(Pipeline pipeline)
    {
        using var answer = await pipeline.Http.GetAsync(pipeline.QueryAt("/flows?hour=77"), HttpCompletionOption.ResponseHeadersRead);
        if (!answer.IsSuccessStatusCode) return -1;
        await using var body = await answer.Content.ReadAsStreamAsync();
        var count = 0;
        var last = "";
        await foreach (var row in System.Text.Json.JsonSerializer.DeserializeAsyncEnumerable<FlowRow>(body, FlowRow.Snake))
        {
            Assert.That(string.CompareOrdinal(row!.SrcApp, last), Is.Positive);
            Assert.That((row.BytesTx, row.BytesRx), Is.EqualTo((long.Parse(row.SrcApp[8..], CultureInfo.InvariantCulture), 2 * long.Parse(row.SrcApp[8..], CultureInfo.InvariantCulture))));
            last = row.SrcApp;
            count++;
        }
        return count;
    }
}
