using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Tally.Shared.Contracts;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

public sealed class StoredEventTests : CommandFixture
{
    private static readonly UserHasher Hasher = new(Convert.FromHexString(CommandApp.HashKey));

    [Test]
    public async Task Every_204_is_in_the_log_exactly_once_at_the_position_it_named()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        var positions = new Dictionary<string, string>();

        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (n, cancellation) =>
        {
            using var answer = await app.Http.PostAsync(
                new Uri($"/analytics?timestamp={n}&user=u{n % 300}&{(n % 4 == 0 ? "click" : "impression")}&id=i{n}", UriKind.Relative), null, cancellation);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(await answer.Content.ReadAsByteArrayAsync(cancellation), Is.Empty);
            lock (positions) positions.Add($"{n}", answer.Headers.GetValues("Tally-Position").Single());
        });

        var records = ReadAll();
        Assert.That(records, Has.Count.EqualTo(2000));
        foreach (var record in records)
        {
            var stored = AnalyticsEvent.Parser.ParseFrom(record.Message.Value);
            var n = stored.TimestampMs;
            var user = Hasher.HashUser(Encoding.UTF8.GetBytes($"u{n % 300}"));
            Assert.That(record.Message.Key, Is.EqualTo(Bytes(user)));
            Assert.That(stored.UserHash.ToByteArray(), Is.EqualTo(record.Message.Key));
            Assert.That(stored.IdHash.ToByteArray(), Is.EqualTo(Bytes(Hasher.HashId(user, Encoding.UTF8.GetBytes($"i{n}")))));
            Assert.That(stored.Kind, Is.EqualTo(n % 4 == 0 ? EventKind.Click : EventKind.Impression));
            Assert.That(stored.UserId, Is.Empty);
            Assert.That(record.Partition.Value, Is.EqualTo(JavaPartitioner.Partition(record.Message.Key, Partitions)));
            Assert.That(record.Message.Headers.Single().Key, Is.EqualTo(RecordTypes.Header));
            Assert.That(RecordTypes.Is(record.Message.Headers, RecordTypes.AnalyticsEvent, out _), Is.True);
            Assert.That(positions.Remove(n.ToString(CultureInfo.InvariantCulture), out var position), Is.True, "stored twice");
            Assert.That(position, Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"{record.Partition.Value}.{record.Offset.Value}")));
        }
        Assert.That(positions, Is.Empty);
    }

    [Test]
    public async Task A_header_is_an_id_and_1970_is_an_hour_like_any_other()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/analytics?timestamp=123&user=%C3%A4+b&event=click", UriKind.Relative));
        request.Headers.Add("Idempotency-Key", "attempt-1");
        using var answer = await app.Http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        var user = Hasher.HashUser("ä b"u8);
        var stored = ReadEvents().Single();
        Assert.Multiple(() =>
        {
            Assert.That(stored.TimestampMs, Is.EqualTo(123));
            Assert.That(stored.UserHash.ToByteArray(), Is.EqualTo(Bytes(user)));
            Assert.That(stored.IdHash.ToByteArray(), Is.EqualTo(Bytes(Hasher.HashId(user, "attempt-1"u8))));
        });
    }

    [Test]
    public async Task A_traced_request_leaves_its_context_in_the_record()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Tally.CommandService" or "Microsoft.AspNetCore",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                lock (spans) spans.Add(span);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/analytics?timestamp=123&user=u&click", UriKind.Relative));
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        using var answer = await app.Http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));

        var send = spans.Single(s => s.OperationName == $"send {Topic}");
        var header = Encoding.ASCII.GetString(ReadAll().Single().Message.Headers.GetLastBytes("traceparent"));
        Assert.Multiple(() =>
        {
            Assert.That(send.TraceId.ToHexString(), Is.EqualTo("0af7651916cd43dd8448eb211c80319c"));
            Assert.That(send.Kind, Is.EqualTo(ActivityKind.Producer));
            Assert.That(header, Is.EqualTo(send.Id));
        });
    }

    [Test]
    public async Task A_stop_lets_requests_under_way_finish()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        Broker.Server.OnNext(Tally.LocalBroker.Protocol.ApiKey.Produce, Tally.LocalBroker.Server.Fault.Delay(TimeSpan.FromSeconds(1)));
        var post = app.StatusOfPostAsync("timestamp=1&user=u&click");
        await Eventually.HoldsAsync("the event is under way", () => Task.FromResult(app.Producer.Session.InFlight == 1));

        await app.StopAsync();

        Assert.That(await post, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(ReadEvents(), Has.Count.EqualTo(1));
    }

    private static byte[] Bytes(UInt128 hash)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        return bytes;
    }
}
