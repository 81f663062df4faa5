using System.Buffers;
using System.Text;
using Tally.CommandService.Batch;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Command.Batch;

/// <summary>What a body holds, however it is cut into pieces on its way.</summary>
public sealed class BatchBodyTests
{
    private const string A = """{"timestamp":1000,"user":"ada","event":"click"}""";
    private const string B = """{"event":"impression","id":"x","user":"b\u00f6b","timestamp":7200000}""";
    private static readonly UserHasher Hasher = new(new byte[32]);
    private static readonly EventRecord RecordA = Record(1000, EventKind.Click, "ada");
    private static readonly EventRecord RecordB = Record(7_200_000, EventKind.Impression, "böb", "x");

    public static IEnumerable<TestCaseData> Wholes()
    {
        yield return new TestCaseData($"{A}\n{B}\n").SetArgDisplayNames("lines");
        yield return new TestCaseData($"{A}\n{B}").SetArgDisplayNames("no last newline");
        yield return new TestCaseData($"\r\n\n {A}\r\n\n\t\n{B}\r\n\n").SetArgDisplayNames("CRLF and blank lines");
        yield return new TestCaseData($"\uFEFF{A}\n{B}\n").SetArgDisplayNames("lines after a byte order mark");
        yield return new TestCaseData($"[{A},{B}]").SetArgDisplayNames("array");
        yield return new TestCaseData($"\uFEFF \n[ {A} ,\n {B} ] \n").SetArgDisplayNames("array with space and a byte order mark");
    }

    [TestCaseSource(nameof(Wholes))]
    public void Both_forms_hold_the_same_events_wherever_they_are_cut(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Assert.Multiple(() =>
        {
            Assert.That(Read([bytes]).Entries, Is.EqualTo(new[] { new BatchEntry(RecordA, null), new BatchEntry(RecordB, null) }));
            for (var cut = 1; cut < bytes.Length; cut++)
            {
                var (entries, failure) = Read([bytes[..cut], bytes[cut..]]);
                Assert.That(failure, Is.Null, $"cut at {cut}");
                Assert.That(entries, Is.EqualTo(new[] { new BatchEntry(RecordA, null), new BatchEntry(RecordB, null) }), $"cut at {cut}");
            }
            Assert.That(Read([.. bytes.Select(b => new[] { b })]).Entries, Has.Count.EqualTo(2), "byte by byte");
        });
    }

    [Test]
    public void A_bad_line_is_refused_by_itself()
    {
        var (entries, failure) = Read([Encoding.UTF8.GetBytes($"{A}\n{{\"timestamp\":\n{B}\n")]);
        Assert.That(failure, Is.Null);
        Assert.That(entries.Select(e => e.Refusal?.Code), Is.EqualTo(new[] { null, "malformed-item", null }));
    }

    [TestCase("", "malformed-body")]
    [TestCase(" \n\r\n", "malformed-body")]
    [TestCase("[", "malformed-body")]
    [TestCase("[A,", "malformed-body")]
    [TestCase("[A,]", "malformed-body")]
    [TestCase("[A", "malformed-body")]
    [TestCase("[A B]", "malformed-body")]
    [TestCase("[A,{\"timestamp\":1", "malformed-body")]
    [TestCase("[A] B", "malformed-body")]
    [TestCase("[A,nul]", "malformed-body")]
    public void An_array_that_breaks_off_ends_the_batch_after_its_last_whole_item(string form, string code)
    {
        var text = form.Replace("A", A, StringComparison.Ordinal).Replace("B", B, StringComparison.Ordinal);
        foreach (var pieces in (byte[][][])[[Encoding.UTF8.GetBytes(text)], [.. Encoding.UTF8.GetBytes(text).Select(b => new[] { b })]])
        {
            var (entries, failure) = Read(pieces);
            Assert.That(failure?.Code, Is.EqualTo(code));
            Assert.That(entries, Is.EqualTo(form.Contains('A', StringComparison.Ordinal) ? new[] { new BatchEntry(RecordA, null) } : []));
        }
    }

    [Test]
    public void An_empty_array_holds_nothing() => Assert.That(Read(["[]"u8.ToArray()]), Is.EqualTo((new List<BatchEntry>(), (Refusal?)null)).Using<(List<BatchEntry>, Refusal?)>(
        (x, y) => x.Item1.SequenceEqual(y.Item1) && x.Item2 == y.Item2));

    [TestCase("""[1,"x",null,true,[1,{"a":[]}],A]""")]
    public void What_is_no_object_is_refused_by_its_place(string form)
    {
        var (entries, failure) = Read([Encoding.UTF8.GetBytes(form.Replace("A", A, StringComparison.Ordinal))]);
        Assert.That(failure, Is.Null);
        Assert.That(entries.Select(e => e.Refusal), Is.EqualTo(new[]
        {
            BatchRefusals.NotAnObject, BatchRefusals.NotAnObject, BatchRefusals.NotAnObject, BatchRefusals.NotAnObject, BatchRefusals.NotAnObject, null,
        }));
    }

    [Test]
    public void A_line_of_megabytes_is_skipped_without_being_held()
    {
        var pieces = Enumerable.Repeat(new byte[4096].Select(_ => (byte)'x').ToArray(), 500).ToList();
        pieces.Insert(0, Encoding.UTF8.GetBytes($"{A}\n"));
        pieces.Add(Encoding.UTF8.GetBytes($"\n{B}\n"));
        var body = new BatchBody(Hasher, long.MaxValue);
        var entries = new List<BatchEntry>();
        var held = 0L;
        var rest = Array.Empty<byte>();
        foreach (var piece in pieces)
        {
            var buffer = new ReadOnlySequence<byte>([.. rest, .. piece]);
            rest = buffer.Slice(body.Take(buffer, completed: false, entries)).ToArray();
            held = Math.Max(held, rest.Length);
        }
        Assert.Multiple(() =>
        {
            Assert.That(entries.Select(e => e.Refusal), Is.EqualTo(new[] { null, BatchRefusals.TooLong, null }));
            Assert.That(held, Is.LessThan(3 * BatchItem.MaxBytes));
        });
    }

    [Test]
    public void An_item_of_an_array_may_not_be_longer_than_an_event_can_be() =>
        Assert.That(Read([.. Enumerable.Repeat(Encoding.UTF8.GetBytes("[{\"user\":\""), 1), .. Enumerable.Repeat(new byte[4096].Select(_ => (byte)'x').ToArray(), 10)]).Failure,
            Is.SameAs(BatchRefusals.ItemTooLong));

    [Test]
    public void Ten_thousand_levels_are_refused() => Assert.Multiple(() =>
    {
        var deep = Encoding.UTF8.GetBytes(new string('[', 10_000));
        Assert.That(Read([deep]).Failure, Is.Not.Null);
        Assert.That(Read(["{\"user\":"u8.ToArray(), deep, "\n"u8.ToArray(), Encoding.UTF8.GetBytes(A)]).Entries.Select(e => e.Refusal),
            Is.EqualTo(new[] { BatchRefusals.NotJson, null }));
    });

    private static EventRecord Record(long timestamp, EventKind kind, string user, string? id = null) => EventRecord.Of(new IngestEvent
    {
        TimestampMs = timestamp,
        Kind = kind,
        User = Encoding.UTF8.GetBytes(user),
        Id = Encoding.UTF8.GetBytes(id ?? ""),
    }, Hasher);

    /// <summary>As a pipe hands it over: what was not consumed comes again with the next piece.</summary>
    private static (List<BatchEntry> Entries, Refusal? Failure) Read(byte[][] pieces)
    {
        var body = new BatchBody(Hasher, long.MaxValue);
        var entries = new List<BatchEntry>();
        var rest = Array.Empty<byte>();
        for (var i = 0; i <= pieces.Length && body.Failure is null; i++)
        {
            var last = i == pieces.Length;
            var buffer = last ? new ReadOnlySequence<byte>(rest) : Sequence(rest, pieces[i]);
            rest = buffer.Slice(body.Take(buffer, last, entries)).ToArray();
        }
        return (entries, body.Failure);
    }

    /// <summary>Two segments, as they come from a socket.</summary>
    private static ReadOnlySequence<byte> Sequence(byte[] first, byte[] second)
    {
        var head = new Segment(first, 0, null);
        return new ReadOnlySequence<byte>(head, 0, head.Append(second), second.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] memory, long index, Segment? previous)
        {
            Memory = memory;
            RunningIndex = index;
            if (previous is not null) previous.Next = this;
        }

        public Segment Append(byte[] memory) => new(memory, RunningIndex + Memory.Length, this);
    }
}
