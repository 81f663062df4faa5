using System.Net;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Flows;

/// <summary>Flows from POST to GET, with bad input, retries, processes killed with -9, and readers beside writers.</summary>
public sealed class FlowsTests
{
    private const string Good = """{"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":1,"bytes_rx":2,"hour":900}""";

    /// <summary>The whole count is for `make chaos-flows`; a part of it shows that the test works.</summary>
    private static readonly int Reads = int.TryParse(Environment.GetEnvironmentVariable("FLOW_READS"), out var reads) ? reads : 2_000;

    private Pipeline _pipeline = null!;
    private FlowCalls _flows = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _pipeline = await Pipeline.StartAsync();
        _flows = new FlowCalls(_pipeline);
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test, Order(1)]
    public async Task The_example_of_the_contract()
    {
        FlowRow[] rows =
        [
            new("foo", "bar", "vpc-0", 100, 300, 1), new("foo", "bar", "vpc-0", 200, 600, 1), new("baz", "qux", "vpc-0", 100, 500, 1),
            new("baz", "qux", "vpc-0", 100, 500, 2), new("baz", "qux", "vpc-1", 100, 500, 2),
        ];
        using var answer = await _flows.PostAsync(FlowRow.Json(rows));
        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(answer.Headers.GetValues("Tally-Position").Single(), Does.Match("^[0-7]\\.\\d+$"));
        });

        await _flows.ReadsAsync(1, [new("baz", "qux", "vpc-0", 100, 500, 1), new("foo", "bar", "vpc-0", 300, 900, 1)]);
        await _flows.ReadsAsync(2, [new("baz", "qux", "vpc-0", 100, 500, 2), new("baz", "qux", "vpc-1", 100, 500, 2)]);
        using var empty = await _pipeline.Http.GetAsync(_pipeline.QueryAt("/flows?hour=3"));
        Assert.Multiple(() =>
        {
            Assert.That(empty.Headers.Contains("Tally-Stale"), Is.False);
            Assert.That(empty.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
        });
        Assert.That((await empty.Content.ReadAsStringAsync()).Trim(), Is.EqualTo("[]"));
    }

    [Test, Order(2)]
    public async Task Bad_input_is_refused_with_index_and_field_and_leaves_nothing_behind()
    {
        string[] bad =
        [
            Good.Replace(":1,", ":-1,", StringComparison.Ordinal), Good.Replace(":1,", ":1.0,", StringComparison.Ordinal), Good.Replace(":1,", ":null,", StringComparison.Ordinal),
            Good.Replace(":1,", ":9223372036854775808,", StringComparison.Ordinal), Good.Replace(":1,", ":\"1\",", StringComparison.Ordinal),
        ];
        foreach (var element in bad)
        {
            using var refused = await _flows.PostAsync($"[{Good},{element},{Good}]");
            var problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
            Assert.Multiple(() =>
            {
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), element);
                Assert.That(refused.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
                Assert.That((problem.GetProperty("index").GetInt32(), problem.GetProperty("field").GetString()), Is.EqualTo((1, "[1].bytes_tx")));
            });
        }
        using var many = await _flows.PostAsync($"[{string.Join(",", Enumerable.Repeat(Good, 10_001))}]");
        using var large = await _flows.PostAsync($"[{new string(' ', 9 << 20)}]");
        using var get = await _pipeline.Http.GetAsync(_pipeline.CommandAt("/flows"));
        using var noHour = await _pipeline.Http.GetAsync(_pipeline.QueryAt("/flows?hour=x"));
        Assert.Multiple(() =>
        {
            Assert.That(many.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
            Assert.That(large.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
            Assert.That(get.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
            Assert.That(noHour.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        });
        using var last = await _flows.PostAsync($"[{Good}]");
        await _flows.ReadsAsync(900, [new("foo", "bar", "vpc-0", 1, 2, 900)]);
    }

    [Test, Order(3)]
    public async Task The_largest_array_and_a_retry_under_its_key_count_once()
    {
        var rows = Enumerable.Range(0, 10_000).Select(n => new FlowRow($"app-{n:d5}", new string('x', 256), "vpc", n, 2 * n, 901)).ToList();
        for (var n = 0; n < 3; n++)
        {
            using var answer = await _flows.PostAsync(FlowRow.Json(rows), "a key of one array");
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent), await answer.Content.ReadAsStringAsync());
        }
        await _flows.ReadsAsync(901, rows);
        // The rows come by the sinks and the accounting by the progress records: neither waits for the other.
        await Eventually.HoldsAsync("the accounting names every flow once and both retries", async () =>
        {
            var json = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/accounting"));
            var job = JsonDocument.Parse(json).RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == "flows");
            return job.GetProperty("outcomes").GetProperty("duplicate").GetInt64() == 2 && job.GetProperty("counts").GetProperty("flows").GetInt64() == 10_006;
        });
    }

    [Test, Order(4)]
    public async Task Through_one_door()
    {
        _pipeline.Door.Start();
        await Eventually.HoldsAsync("the door is ready", async () =>
            (await _pipeline.Http.GetAsync(_pipeline.DoorAt("/health/ready"))).IsSuccessStatusCode);
        using var posted = await _pipeline.Http.PostAsync(_pipeline.DoorAt("/flows"), new StringContent($"[{Good.Replace("900", "902", StringComparison.Ordinal)}]"));
        Assert.That(posted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        await Eventually.HoldsAsync("the flow shows through the door", async () =>
            FlowRow.Parse(await _pipeline.Http.GetStringAsync(_pipeline.DoorAt("/flows?hour=902"))).Count == 1);
    }

    [Test, Order(5)]
    public async Task A_reader_never_sees_the_tx_of_a_flow_without_its_rx()
    {
        using var done = new CancellationTokenSource();
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(async () =>
        {
            for (var n = 0; !done.IsCancellationRequested; n++)
            {
                var rows = Enumerable.Range(0, 20).Select(f => new FlowRow($"app-{f}", "to", "vpc", n + f, 2 * (n + f), 903));
                using var answer = await _flows.PostAsync(FlowRow.Json(rows));
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            }
        })).ToArray();
        var seen = 0;
        var versions = new System.Collections.Concurrent.ConcurrentDictionary<long, bool>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            // Readers and writers have to meet, or nothing is shown: on a fast machine the archive is written a few times only meanwhile.
            while (Interlocked.Increment(ref seen) <= Reads || versions.Count <= 5 && !enough.IsCancellationRequested)
            {
                var rows = await _flows.ReadAsync(903);
                Assert.That(rows, Is.Not.Null);
                foreach (var row in rows!) Assert.That(row.BytesRx, Is.EqualTo(2 * row.BytesTx), $"{row}");
                if (rows.Count > 0) versions[rows[0].BytesTx] = true;
            }
        })));
        await done.CancelAsync();
        await Task.WhenAll(writers);
        await TestContext.Out.WriteLineAsync($"{seen} reads saw {versions.Count} versions of the first flow");
        Assert.That(versions, Has.Count.GreaterThan(5));
    }

    [Test, Order(6)]
    public async Task Every_process_is_killed_once_and_every_array_counts_exactly_once()
    {
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var random = new Random(seed);
        var oracle = new FlowOracle();
        using var done = new CancellationTokenSource();
        var posting = Task.Run(async () =>
        {
            for (var n = 0; !done.IsCancellationRequested; n++)
            {
                var rows = Enumerable.Range(0, random.Next(1, 30)).Select(_ => new FlowRow($"a{random.Next(9)}", $"b{random.Next(9)}", "v", random.Next(99), random.Next(99), 910 + random.Next(3))).ToList();
                oracle.Count(rows);
                await _flows.PostUntilAcceptedAsync(FlowRow.Json(rows), $"{seed}-{n}");
            }
        });
        IKillable[] victims = [_pipeline.Processor, _pipeline.Materializer, _pipeline.Query, _pipeline.Command, _pipeline.Broker];
        foreach (var victim in victims)
        {
            await Task.Delay(1_000);
            await victim.KillAsync();
            await Task.Delay(300);
            victim.Start();
        }
        await Task.Delay(1_500);
        await done.CancelAsync();
        await posting;
        for (var hour = 910; hour < 913; hour++) await _flows.ReadsAsync(hour, oracle.Hour(hour));
    }

    [Test, Order(7)]
    public async Task A_read_with_the_position_of_an_array_has_it_however_soon_it_comes()
    {
        for (var n = 1; n <= 10; n++)
        {
            var position = await PostAsync(new FlowRow("foo", "bar", "vpc-0", 1, 2, 904));
            using var answer = await ReadAsync(904, position);
            var rows = FlowRow.Parse(await answer.Content.ReadAsStringAsync());
            Assert.That(rows, Is.EqualTo(new[] { new FlowRow("foo", "bar", "vpc-0", n, 2 * n, 904) }), position);
        }
        using var unknown = await ReadAsync(904, "0.999999999");
        Assert.That(unknown.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test, Order(8)]
    public async Task An_archive_that_is_behind_is_waited_for_or_marked()
    {
        _pipeline.Materializer.Pause();
        try
        {
            var position = await PostAsync(new FlowRow("foo", "bar", "vpc-0", 1, 2, 905));
            using var late = await ReadAsync(905, position, "&wait=100");
            using var older = await ReadAsync(905, position, "&wait=100&on-timeout=stale");
            Assert.Multiple(() =>
            {
                Assert.That(late.StatusCode, Is.EqualTo(HttpStatusCode.GatewayTimeout));
                Assert.That(older.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                Assert.That(older.Headers.Contains("Tally-Stale"));
            });
            Assert.That((await older.Content.ReadAsStringAsync()).Trim(), Is.EqualTo("[]"));
            await Eventually.HoldsAsync("who does not wait is told that the answer is old", async () =>
            {
                using var answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt("/flows?hour=905"));
                return answer.Headers.Contains("Tally-Stale");
            });
            _pipeline.Materializer.Continue();
            using var whole = await ReadAsync(905, position);
            Assert.That(FlowRow.Parse(await whole.Content.ReadAsStringAsync()), Has.Count.EqualTo(1));
        }
        finally
        {
            _pipeline.Materializer.Continue();
        }
    }

    [Test, Order(9)]
    public async Task What_is_no_array_in_the_topic_is_a_dead_letter_once_told_by_accounting_and_metrics_and_its_neighbours_count()
    {
        using (var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = _pipeline.Bootstrap }).Build())
        {
            foreach (var value in (string[])["no array", "", "[]"]) producer.Produce(new TopicPartition("flows", 3), new Message<Null, string> { Value = value });
            Assert.That(producer.Flush(TimeSpan.FromSeconds(30)), Is.Zero);
        }
        await PostAsync(new FlowRow("foo", "bar", "vpc-0", 1, 2, 906));
        await _flows.ReadsAsync(906, [new FlowRow("foo", "bar", "vpc-0", 1, 2, 906)]);
        await Eventually.HoldsAsync("topic, accounting and metrics tell of the same dead letters", async () =>
        {
            var letters = DeadLetter.Read(_pipeline.Bootstrap, "flows.dead-letter");
            var json = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/accounting"));
            var job = JsonDocument.Parse(json).RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == "flows");
            var told = job.GetProperty("outcomes").GetProperty("dead_lettered").GetProperty("invalid-flows").GetInt64();
            var metrics = await _pipeline.Http.GetStringAsync(_pipeline.At("processor", "/metrics"));
            return letters.Count == told && letters.Any(letter => letter == new DeadLetter("no array", "invalid-flows"))
                && metrics.Split('\n').Any(line => line.StartsWith("tally_processor_events_total{", StringComparison.Ordinal) && line.Contains("job=\"flows\"", StringComparison.Ordinal)
                    && line.Contains("outcome=\"dead_lettered\"", StringComparison.Ordinal) && line.EndsWith($" {told}", StringComparison.Ordinal));
        });
    }

    private async Task<string> PostAsync(FlowRow row)
    {
        using var answer = await _flows.PostAsync(FlowRow.Json([row]));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        return answer.Headers.GetValues("Tally-Position").Single();
    }

    private async Task<HttpResponseMessage> ReadAsync(long hour, string position, string wait = "&wait=10000")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _pipeline.QueryAt($"/flows?hour={hour}{wait}"));
        request.Headers.Add("Tally-Position", position);
        return await _pipeline.Http.SendAsync(request);
    }
}
