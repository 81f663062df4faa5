using System.Text;
using Tally.CommandService.Batch;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Command.Batch;

/// <summary>Which items are taken, and why others are not.</summary>
public sealed class BatchItemTests
{
    private const long Latest = 2_000_000_000_000;

    [TestCase("""{"timestamp":0,"user":"a","event":"click"}""")]
    [TestCase("""{"timestamp":2000000000000,"user":"a","event":"impression","id":"1"}""")]
    [TestCase("""{"event":"cl\u0069ck","id":"\u00e9","us\u0065r":" ","timestamp":5}""")]
    public void An_item_is_an_event(string json)
    {
        var taken = BatchItem.TryParse(Encoding.UTF8.GetBytes(json), Latest, new byte[BatchItem.ScratchBytes], out _, out var refusal);
        Assert.That(taken, Is.True, () => refusal!.Detail);
    }

    [TestCase("timestamp", """{"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":"1","user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":1.0,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":1e3,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":1e400,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":-1,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":-0,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":null,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":[1],"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":99999999999999999999,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":253402300800000,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":2000000000001,"user":"a","event":"click"}""")]
    [TestCase("timestamp", """{"timestamp":1,"timestamp":1,"user":"a","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":1,"event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":null,"event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"\ud800","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"\ud800x","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"a\u0000","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"a\n","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"a","user":"a","event":"click"}""")]
    [TestCase("user", """{"timestamp":1,"user":"a","us\u0065r":"b","event":"click"}""")]
    [TestCase("event", """{"timestamp":1,"user":"a"}""")]
    [TestCase("event", """{"timestamp":1,"user":"a","event":"Click"}""")]
    [TestCase("event", """{"timestamp":1,"user":"a","event":""}""")]
    [TestCase("event", """{"timestamp":1,"user":"a","event":true}""")]
    [TestCase("event", """{"timestamp":1,"user":"a","event":"click","event":"click"}""")]
    [TestCase("id", """{"timestamp":1,"user":"a","event":"click","id":""}""")]
    [TestCase("id", """{"timestamp":1,"user":"a","event":"click","id":7}""")]
    [TestCase("id", """{"timestamp":1,"user":"a","event":"click","id":null}""")]
    [TestCase("id", """{"timestamp":1,"user":"a","event":"click","id":"x","id":"x"}""")]
    [TestCase("item", """{"timestamp":1,"user":"a","event":"click","click":true}""")]
    [TestCase("item", """{"Timestamp":1,"user":"a","event":"click"}""")]
    [TestCase("item", """{"timestamp":1,"user":"a","event":"click",}""")]
    [TestCase("item", """{"timestamp":1,"user":"a","event":"click"}}""")]
    [TestCase("item", """{"timestamp":1,"user":"a","event":"click"} {}""")]
    [TestCase("item", """{"timestamp":01,"user":"a","event":"click"}""")]
    [TestCase("item", """{"timestamp":NaN,"user":"a","event":"click"}""")]
    [TestCase("item", """[1]""")]
    [TestCase("item", "\"x\"")]
    [TestCase("item", "null")]
    [TestCase("item", "{")]
    public void What_is_wrong_is_told_by_its_field(string field, string json) => Assert.That(Field(Encoding.UTF8.GetBytes(json)), Is.EqualTo(field));

    [TestCase(256, null)]
    [TestCase(257, "user")]
    public void A_user_has_256_bytes_at_most(int length, string? field)
    {
        var user = new string('a', length - 2) + "é";
        Assert.That(Field(Encoding.UTF8.GetBytes($$"""{"timestamp":1,"user":"{{user}}","event":"click"}""")), Is.EqualTo(field));
        var escaped = string.Concat(Enumerable.Repeat("\\u0061", length));
        Assert.That(Field(Encoding.UTF8.GetBytes($$"""{"timestamp":1,"user":"{{escaped}}","event":"click"}""")), Is.EqualTo(field), "escaped");
    }

    [TestCase(128, null)]
    [TestCase(129, "id")]
    public void An_id_has_128_bytes_at_most(int length, string? field) => Assert.That(
        Field(Encoding.UTF8.GetBytes($$"""{"timestamp":1,"user":"a","event":"click","id":"{{new string('i', length)}}"}""")), Is.EqualTo(field));

    [TestCase("ff")]
    [TestCase("c0af")]
    [TestCase("eda080")]
    public void Bytes_that_are_no_UTF_8_are_refused(string hex)
    {
        byte[] json = [.. "{\"timestamp\":1,\"event\":\"click\",\"user\":\"a"u8, .. Convert.FromHexString(hex), .. "\"}"u8];
        Assert.That(Field(json), Is.EqualTo("user"));
    }

    [Test]
    public void An_event_means_the_same_in_a_batch_and_in_a_query()
    {
        var item = BatchItem.TryParse("""{"timestamp":123,"user":"bö b","event":"impression","id":"i-1"}"""u8, Latest, new byte[BatchItem.ScratchBytes], out var a, out _);
        var query = CommandService.Ingest.EventQuery.TryParse(
            "?timestamp=123&user=b%C3%B6+b&impression&id=i-1", null, Latest, new byte[CommandService.Ingest.EventQuery.ScratchBytes], out var b, out _);
        var hasher = new UserHasher(new byte[32]);
        Assert.That((item, query), Is.EqualTo((true, true)));
        Assert.That(CommandService.Ingest.EventRecord.Of(a, hasher), Is.EqualTo(CommandService.Ingest.EventRecord.Of(b, hasher)));
    }

    private static string? Field(byte[] json)
    {
        BatchItem.TryParse(json, Latest, new byte[BatchItem.ScratchBytes], out _, out var refusal);
        return refusal?.Field;
    }
}
