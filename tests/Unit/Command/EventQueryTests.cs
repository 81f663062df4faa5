using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tally.CommandService.Ingest;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Command;

public sealed class EventQueryTests
{
    private const long LatestMs = 1_800_000_000_000;

    private static IEnumerable<TestCaseData> Bad =>
        BadPosts.All.Select(bad => new TestCaseData(bad.Query, bad.Field).SetArgDisplayNames(bad.Name));

    [TestCaseSource(nameof(Bad))]
    public void What_is_wrong_is_refused_and_the_field_named(string query, string field)
    {
        var (_, refusal) = Parse(query);

        Assert.Multiple(() =>
        {
            Assert.That(refusal?.Status, Is.EqualTo(400));
            Assert.That(refusal?.Field, Is.EqualTo(field));
            Assert.That(refusal?.Detail, Is.Not.Empty);
        });
    }

    [TestCase("click", EventKind.Click)]
    [TestCase("click=", EventKind.Click)]
    [TestCase("click=true", EventKind.Click)]
    [TestCase("event=click", EventKind.Click)]
    [TestCase("impression", EventKind.Impression)]
    [TestCase("impression=", EventKind.Impression)]
    [TestCase("impression=true", EventKind.Impression)]
    [TestCase("event=impression", EventKind.Impression)]
    [TestCase("%63lick=tru%65", EventKind.Click)]
    public void Every_form_of_an_event_is_taken(string form, EventKind kind)
    {
        Assert.That(Taken($"?timestamp=123&user=u&{form}").Kind, Is.EqualTo(kind));
        Assert.That(Taken($"{form}&user=u&timestamp=123").Kind, Is.EqualTo(kind), "in any order");
    }

    [TestCase("0", 0)]
    [TestCase("123", 123)]
    [TestCase("000123", 123)]
    [TestCase("1800000000000", LatestMs)]
    public void Any_timestamp_from_1970_to_the_tolerance_is_taken(string text, long expected) =>
        Assert.That(Taken($"timestamp={text}&user=u&click").TimestampMs, Is.EqualTo(expected));

    [Test]
    public void One_millisecond_beyond_the_tolerance_is_refused()
    {
        var (_, refusal) = Parse($"timestamp={LatestMs + 1}&user=u&click");
        Assert.That(refusal, Is.SameAs(Refusals.TimestampInFuture));
    }

    [TestCase("a%20b", "a b")]
    [TestCase("a+b", "a b")]
    [TestCase("a%2Bb", "a+b")]
    [TestCase("%c3%a4", "ä")]
    [TestCase("%F0%9F%98%80", "😀")]
    [TestCase("%20", " ")]
    [TestCase("a=b", "a=b")]
    [TestCase("a%26b%3Dc", "a&b=c")]
    [TestCase("%E2%80%AEabc", "\u202Eabc")]
    [TestCase("a%E2%80%8Bb", "a\u200Bb")]
    [TestCase("a%C2%A0b", "a\u00A0b")]
    public void A_user_is_any_text_once_decoded(string query, string user) =>
        Assert.That(Taken($"timestamp=123&user={query}&click").User, Is.EqualTo(user));

    [Test]
    public void A_user_may_have_256_bytes_and_an_id_128()
    {
        var user = string.Concat(Enumerable.Repeat("ä", 128));
        var id = new string('i', 128);
        var taken = Taken($"timestamp=123&user={Uri.EscapeDataString(user)}&click&id={id}");
        Assert.That((taken.User, taken.Id), Is.EqualTo((user, id)));
    }

    [Test]
    public void Two_spellings_of_a_name_are_two_users()
    {
        var composed = Taken("timestamp=1&user=%C3%A9&click").User;
        var decomposed = Taken("timestamp=1&user=e%CC%81&click").User;
        Assert.That(composed, Is.Not.EqualTo(decomposed));
    }

    [Test]
    public void Empty_pairs_between_ampersands_are_no_parameters() =>
        Assert.That(Taken("?&timestamp=1&&user=u&click&").User, Is.EqualTo("u"));

    [Test]
    public void An_id_comes_by_parameter_or_header_and_both_may_agree()
    {
        const string query = "timestamp=1&user=u&click";
        Assert.Multiple(() =>
        {
            Assert.That(Taken(query).Id, Is.Empty);
            Assert.That(Taken(query + "&id=a%2Bb").Id, Is.EqualTo("a+b"));
            Assert.That(Taken(query, "a+b").Id, Is.EqualTo("a+b"), "a header is not percent-decoded");
            Assert.That(Taken(query + "&id=a%2Bb", "a+b").Id, Is.EqualTo("a+b"));
            Assert.That(Taken(query, new string('k', 128)).Id, Has.Length.EqualTo(128));
        });
    }

    [TestCase("other", "id")]
    [TestCase("", "Idempotency-Key")]
    [TestCase("\u0007", "Idempotency-Key")]
    public void A_header_that_differs_or_is_wrong_is_refused(string header, string field) =>
        Assert.That(Parse("timestamp=1&user=u&click&id=one", header).Refusal?.Field, Is.EqualTo(field));

    [Test]
    public void A_header_of_129_bytes_is_refused() =>
        Assert.That(Parse("timestamp=1&user=u&click", new string('k', 129)).Refusal, Is.SameAs(Refusals.Key.TooLong));

    [Test]
    public void A_header_with_half_a_character_is_refused() =>
        Assert.That(Parse("timestamp=1&user=u&click", "\uD800").Refusal, Is.SameAs(Refusals.Key.NotUtf8));

    [Test]
    public void What_was_written_is_read_back()
    {
        var texts = ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => Clean(s.Get));
        var events = from user in texts
                     from id in texts
                     from timestamp in Gen.Choose(0, int.MaxValue)
                     from click in Gen.Elements(true, false)
                     where user.Length > 0 && Encoding.UTF8.GetByteCount(user) <= 256 && Encoding.UTF8.GetByteCount(id) <= 128
                     select (user, id, timestamp, click);

        Prop.ForAll(events.ToArbitrary(), e =>
        {
            var query = $"timestamp={e.timestamp}&user={Uri.EscapeDataString(e.user)}&event={(e.click ? "click" : "impression")}"
                + (e.id.Length > 0 ? $"&id={Uri.EscapeDataString(e.id)}" : "");
            var taken = Taken(query);
            return taken == new Event(e.timestamp, e.click ? EventKind.Click : EventKind.Impression, e.user, e.id);
        }).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Whatever_comes_is_taken_or_refused_by_name()
    {
        var piece = Gen.Elements("timestamp", "user", "click", "impression", "event", "id", "=", "&", "%", "%4", "%41", "%FF", "+", "1", "true", "ä", "\0", "?", "\uD800");
        Prop.ForAll(piece.ArrayOf().Select(string.Concat).ToArbitrary(), query =>
        {
            var (taken, refusal) = Parse(query);
            return refusal is null
                ? taken is { TimestampMs: >= 0 and <= LatestMs, Kind: not EventKind.Unspecified, User.Length: > 0 }
                : refusal is { Status: 400, Field: not null };
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static string Clean(string text) => new([.. text.EnumerateRunes().Where(r => !Rune.IsControl(r)).SelectMany(r => r.ToString())]);

    private static Event Taken(string query, string? header = null)
    {
        var (taken, refusal) = Parse(query, header);
        Assert.That(refusal?.Detail, Is.Null, query);
        return taken!;
    }

    private static (Event? Taken, Refusal? Refusal) Parse(string query, string? header = null)
    {
        Span<byte> scratch = stackalloc byte[EventQuery.ScratchBytes];
        return EventQuery.TryParse(query, header, LatestMs, scratch, out var e, out var refusal)
            ? (new Event(e.TimestampMs, e.Kind, Encoding.UTF8.GetString(e.User), Encoding.UTF8.GetString(e.Id)), null)
            : (null, refusal);
    }

    private sealed record Event(long TimestampMs, EventKind Kind, string User, string Id);
}
