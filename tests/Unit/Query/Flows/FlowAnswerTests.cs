using System.IO.Pipelines;
using System.Text;
using Tally.QueryService.Flows;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query.Flows;

public sealed class FlowAnswerTests
{
    [TestCase("?hour=0", 0)]
    [TestCase("hour=17", 17)]
    [TestCase("?hour=9223372036854775807", long.MaxValue)]
    [TestCase("?%68our=%31", 1)]
    public void An_hour_is_read(string query, long expected)
    {
        Assert.That(FlowQuery.TryParse(query, default, out var request, out _));
        Assert.That(request, Is.EqualTo(new FlowRequest(expected, null)));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("?hour=")]
    [TestCase("?hour")]
    [TestCase("?hour=-1")]
    [TestCase("?hour=+1")]
    [TestCase("?hour=1.0")]
    [TestCase("?hour=9223372036854775808")]
    [TestCase("?hour=1&hour=1")]
    [TestCase("?hour=1&x=2")]
    [TestCase("?hour=1&after=x")]
    [TestCase("?hour=1&after=0.1&wait=10001")]
    [TestCase("?Hour=1")]
    public void Anything_else_is_refused(string? query) => Assert.That(FlowQuery.TryParse(query, default, out _, out var problem) || problem.Status != 400, Is.False);

    [Test]
    public async Task Partials_of_a_flow_are_added_and_a_sum_that_passes_the_maximum_is_flagged()
    {
        var body = await WriteAsync(
            Row("a", 0, 100, 300), Row("a", 3, 200, 600), Row("b", 1, long.MaxValue - 1, 1), Row("b", 2, 2, 1), Row("ü\"", 0, 5, 7, saturated: true));

        Assert.That(body, Is.EqualTo(
            "[{\"src_app\":\"a\",\"dest_app\":\"d\",\"vpc_id\":\"v\",\"bytes_tx\":300,\"bytes_rx\":900,\"hour\":1},"
            + "{\"src_app\":\"b\",\"dest_app\":\"d\",\"vpc_id\":\"v\",\"bytes_tx\":9223372036854775807,\"bytes_rx\":2,\"hour\":1,\"saturated\":true},"
            + "{\"src_app\":\"ü\\\"\",\"dest_app\":\"d\",\"vpc_id\":\"v\",\"bytes_tx\":5,\"bytes_rx\":7,\"hour\":1,\"saturated\":true}]\n"));
    }

    [Test]
    public async Task No_rows_are_an_empty_array() => Assert.That(await WriteAsync(), Is.EqualTo("[]\n"));

    private static async Task<string> WriteAsync(params FlowPartial[] rows)
    {
        using var body = new MemoryStream();
        var pipe = PipeWriter.Create(body, new StreamPipeWriterOptions(leaveOpen: true));
        using (var json = new FlowJson(pipe))
        {
            json.Begin();
            foreach (var row in rows) json.Add(row);
            await json.FlushAsync(CancellationToken.None);
            json.End();
        }
        await pipe.CompleteAsync();
        return Encoding.UTF8.GetString(body.ToArray());
    }

    private static FlowPartial Row(string src, int partition, long tx, long rx, bool saturated = false) =>
        new(1, new FlowName(src, "d", "v"), partition, new FlowSum { BytesTx = tx, BytesRx = rx, Saturated = saturated, Generation = 1 });
}
