using System.Text;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Wire;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Unit.Processor.Fetching;

public sealed class FetchedAnswerTests
{
    private const int Control = 0x20;
    private const int AppendTime = 0x08;

    [Test]
    public void Records_come_in_their_order_with_their_offsets_keys_values_and_times()
    {
        var answer = FetchAnswer.Of(
            new(3, 8, Batch(5, "a", "b") with { TimestampStep = 10 }, Batch(7, "c")),
            new(1, 3, Batch(2, "d")));

        Assert.That(Read(answer), Is.EqualTo(new[]
        {
            "3:5 a=value of a @0", "3:6 b=value of b @10", "3:7 c=value of c @0", "3 ends at 8", "1:2 d=value of d @0", "1 ends at 3",
        }));
    }

    [Test]
    public void A_key_or_value_of_null_is_none_and_an_empty_one_is_there()
    {
        var answer = FetchAnswer.Of(new FetchAnswer.Part(0, 9, new WireBatch { Records = [(null, "v"), ("k", null), ("", "")], Timestamp = 0 }));
        Assert.That(Read(answer), Is.EqualTo(new[] { "0:0 none=v @0", "0:1 k=none @0", "0:2 = @0" }));
    }

    [Test]
    public void Records_below_what_was_asked_for_are_passed_over() =>
        Assert.That(Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a", "b", "c"))), from: 1), Is.EqualTo(new[] { "0:1 b=value of b @0", "0:2 c=value of c @0" }));

    [Test]
    public void With_append_time_all_records_of_a_batch_have_it() => Assert.That(
        Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a", "b") with { TimestampStep = 5, Attributes = AppendTime }))),
        Is.EqualTo(new[] { "0:0 a=value of a @5", "0:1 b=value of b @5" }));

    [Test]
    public void A_batch_that_is_cut_off_anywhere_waits_for_the_next_answer()
    {
        var whole = Batch(1, "b").Build().Length;
        for (var cutOff = 1; cutOff <= whole; cutOff++)
            Assert.That(Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a"), Batch(1, "b")) { CutOff = cutOff })), Is.EqualTo(new[] { "0:0 a=value of a @0" }), $"{cutOff} bytes missing");
    }

    [Test]
    public void Of_aborted_transactions_nothing_is_read_and_of_later_ones_of_the_same_producer_everything()
    {
        var answer = FetchAnswer.Of(new FetchAnswer.Part(
            0, 9,
            In(7, Batch(0, "aborted")), In(8, Batch(1, "committed")), Batch(2, "plain"), In(7, Batch(3, "aborted too")),
            Marker(4, 7, abort: true), In(7, Batch(5, "committed later")), Marker(6, 8, abort: false), Marker(7, 7, abort: false))
        {
            Aborted = [(7, 0)],
        });
        Assert.That(Read(answer).Select(line => line.Split('=')[0]), Is.EqualTo(new[] { "0:1 committed", "0:2 plain", "0:5 committed later" }));
    }

    [Test]
    public void A_marker_of_which_compaction_left_the_head_is_passed_over()
    {
        var empty = In(7, new WireBatch { BaseOffset = 1, Attributes = Control, Records = [], LastOffsetDelta = 0 });
        Assert.That(Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, In(7, Batch(0, "a")), empty, Batch(2, "b")))), Is.EqualTo(new[] { "0:0 a=value of a @0", "0:2 b=value of b @0" }));
    }

    [Test]
    public void A_batch_with_other_records_than_it_says_is_damaged([Values(0, 1, 3, -1)] int count) =>
        Assert.That(() => Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a", "b") with { Count = count }))), Throws.TypeOf<DamagedAnswerException>());

    [Test]
    public void A_record_outside_of_its_batch_is_damaged() =>
        Assert.That(() => Read(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a", "b") with { LastOffsetDelta = 0 }))), Throws.TypeOf<DamagedAnswerException>());

    [Test]
    public void Of_a_batch_that_is_cut_off_nothing_is_taken_for_read()
    {
        var head = Heads(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a"), Batch(1, "b")) { CutOff = 1 })).Single();
        Assert.That((head.Next, head.First.LastOffset, head.Last.LastOffset), Is.EqualTo((1, 0, 0)));
    }

    [Test]
    public void A_short_message_of_an_older_format_is_named_too() =>
        Assert.That(Heads(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a") with { Magic = 1 }) { CutOff = 40 })).Single().Unreadable, Is.EqualTo("records in format 1"));

    [Test]
    public void Two_transactions_of_a_producer_in_one_answer_may_both_be_aborted()
    {
        var answer = FetchAnswer.Of(new FetchAnswer.Part(
            0, 9, In(7, Batch(0, "x")), Marker(1, 7, abort: true), In(7, Batch(2, "kept")), Marker(3, 7, abort: false), In(7, Batch(4, "y")), Marker(5, 7, abort: true))
        {
            Aborted = [(7, 0), (7, 4)],
        });
        Assert.That(Read(answer), Is.EqualTo(new[] { "0:2 kept=value of kept @0" }));
    }

    [Test]
    public void Of_two_transactions_the_one_that_began_first_may_be_aborted_last()
    {
        var answer = FetchAnswer.Of(new FetchAnswer.Part(
            0, 9, In(7, Batch(0, "x")), In(8, Batch(1, "y")), Marker(2, 8, abort: true), In(7, Batch(3, "z")), Marker(4, 7, abort: true), In(8, Batch(5, "kept")))
        {
            // As Kafka lists them: in the order of their ends.
            Aborted = [(8, 1), (7, 0)],
        });
        Assert.That(Read(answer), Is.EqualTo(new[] { "0:5 kept=value of kept @0" }));
    }

    [Test]
    public void Compressed_records_and_older_formats_are_named_and_not_read([Values(1, 2, 3, 4)] int codec)
    {
        Assert.That(Heads(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a"), Batch(1, "b").In(codec)))).Single().Unreadable, Is.EqualTo("compressed records"));
        Assert.That(Heads(FetchAnswer.Of(new FetchAnswer.Part(0, 9, Batch(0, "a") with { Magic = 1 }))).Single().Unreadable, Is.EqualTo("records in format 1"));
    }

    [Test]
    public void Whatever_is_damaged_nothing_but_a_fault_or_other_records_comes_of_it()
    {
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var whole = FetchAnswer.Of(
            new(0, 9, Batch(0, "a", "b", "c"), In(7, Batch(3, "d")), Marker(4, 7, abort: true)) { Aborted = [(7, 3)] },
            new(1, 9, Batch(0, "e")));
        var (read, refused) = (0, 0);
        for (var round = 0; round < 50_000; round++)
        {
            var damaged = (byte[])whole.Clone();
            // The length is the connection's.
            for (var n = random.Next(1, 4); n > 0; n--) damaged[random.Next(8, damaged.Length)] = (byte)random.Next(256);
            var kept = random.Next(3) == 0 ? random.Next(8, damaged.Length) : damaged.Length;
            try
            {
                Read(damaged[..kept]);
                read++;
            }
            catch (DamagedAnswerException)
            {
                refused++;
            }
            catch (SessionEndException)
            {
                refused++;
            }
        }
        Assert.That(new[] { read, refused }, Is.All.Positive);
    }

    private static WireBatch Batch(long offset, params string[] keys) => WireBatch.Of(keys) with { BaseOffset = offset, Timestamp = 0 };

    private static WireBatch In(long producer, WireBatch batch) => batch with { ProducerId = producer, Epoch = 0, Transactional = true };

    private static WireBatch Marker(long offset, long producer, bool abort) =>
        In(producer, new WireBatch { BaseOffset = offset, Attributes = Control, Records = [(abort ? "\0\0\0\0" : "\0\0\0\u0001", "\0\0\0\0\0\0")] });

    private static List<FetchAnswerReader.Head> Heads(byte[] bytes)
    {
        var heads = new List<FetchAnswerReader.Head>();
        var reader = new FetchAnswerReader(bytes, bytes.Length);
        var answer = new FetchedAnswer();
        while (reader.TryNext(answer, out var head)) heads.Add(head);
        return heads;
    }

    private static List<string> Read(byte[] bytes, long from = 0)
    {
        var answer = new FetchedAnswer();
        answer.Begin(bytes);
        var reader = new FetchAnswerReader(bytes, bytes.Length);
        while (reader.TryNext(answer, out var head))
        {
            if (head.Unreadable is not null) continue;
            answer.Add(new FetchedAnswer.Piece(head.Partition, head.At, head.End, from, head.Next, head.Next >= head.LastStable, head.AbortedAt, head.AbortedEnd));
        }
        var lines = new List<string>();
        while (answer.TryNext(out var record)) lines.Add(record.IsEnd ? $"{record.Partition} ends at {record.Offset}" : Line(record));
        return lines;
    }

    private static string Line(in LogRecord record) =>
        $"{record.Partition}:{record.Offset} {(record.HasKey ? Text(record.Key) : "none")}={(record.HasValue ? Text(record.Value) : "none")} @{record.TimestampMs}";

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}
