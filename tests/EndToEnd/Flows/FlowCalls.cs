using System.Net;
using System.Text;
using System.Text.Json;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Flows;

/// <summary>A flow as it goes in and comes out.</summary>
internal sealed record FlowRow(string SrcApp, string DestApp, string VpcId, long BytesTx, long BytesRx, long Hour)
{
    public static readonly JsonSerializerOptions Snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static string Json(IEnumerable<FlowRow> rows) => JsonSerializer.Serialize(rows, Snake);

    public static List<FlowRow> Parse(string json) => JsonSerializer.Deserialize<List<FlowRow>>(json, Snake)!;
}

/// <summary>The two calls of flows.</summary>
internal sealed class FlowCalls(Pipeline pipeline)
{
    public async Task<HttpResponseMessage> PostAsync(string body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, pipeline.CommandAt("/flows")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return await pipeline.Http.SendAsync(request);
    }

    /// <summary>Posts until it is accepted, however often the services die meanwhile; the key makes that harmless.</summary>
    public async Task PostUntilAcceptedAsync(string body, string key)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                using var answer = await PostAsync(body, key);
                if (answer.StatusCode == HttpStatusCode.NoContent) return;
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), await answer.Content.ReadAsStringAsync());
            }
            catch (HttpRequestException) when (attempt < 200)
            {
            }
            Assert.That(attempt, Is.LessThan(200));
            await Task.Delay(100);
        }
    }

    /// <returns>Null when nobody answers.</returns>
    public async Task<List<FlowRow>?> ReadAsync(long hour)
    {
        try
        {
            using var answer = await pipeline.Http.GetAsync(pipeline.QueryAt($"/flows?hour={hour}"));
            return answer.IsSuccessStatusCode ? FlowRow.Parse(await answer.Content.ReadAsStringAsync()) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    public Task ReadsAsync(long hour, IReadOnlyCollection<FlowRow> expected)
    {
        List<FlowRow>? last = null;
        return Eventually.HoldsAsync($"hour {hour} reads {FlowRow.Json(expected.Take(5))}", TimeSpan.FromSeconds(30),
            async () => (last = await ReadAsync(hour)) is not null && last.SequenceEqual(expected));
    }
}

/// <summary>The plain sum.</summary>
internal sealed class FlowOracle
{
    private readonly Dictionary<(long, string, string, string), FlowRow> _sums = [];

    public void Count(IEnumerable<FlowRow> rows)
    {
        foreach (var row in rows)
        {
            var key = (row.Hour, row.SrcApp, row.DestApp, row.VpcId);
            _sums[key] = _sums.TryGetValue(key, out var sum)
                ? sum with { BytesTx = sum.BytesTx + row.BytesTx, BytesRx = sum.BytesRx + row.BytesRx }
                : row;
        }
    }

    public List<FlowRow> Hour(long hour) => [.. _sums.Values.Where(r => r.Hour == hour)
        .OrderBy(r => r.SrcApp, StringComparer.Ordinal).ThenBy(r => r.DestApp, StringComparer.Ordinal).ThenBy(r => r.VpcId, StringComparer.Ordinal)];
}
