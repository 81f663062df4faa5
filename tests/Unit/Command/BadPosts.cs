namespace Tally.Tests.Unit.Command;

/// <summary>
/// Query strings of <c>POST /analytics</c> that are refused, with the field each answer names. Used against the parser and, in the
/// integration tests, through a socket.
/// </summary>
public static class BadPosts
{
    private const string Event = "user=u&click";
    private const string Timed = "timestamp=1600000000000";

    public static IEnumerable<(string Name, string Query, string Field)> All =>
        [.. Timestamps, .. Users, .. Events, .. Ids, .. Others];

    private static IEnumerable<(string, string, string)> Timestamps =>
    [
        ("no parameter at all", "", "timestamp"),
        ("no timestamp", Event, "timestamp"),
        .. Values("timestamp", $"&{Event}",
        [
            ("empty", ""), ("a word", "abc"), ("a fraction", "1.5"), ("an exponent", "1e3"), ("a space before", "%201"), ("a plus", "+1"),
            ("an escaped plus", "%2B1"), ("hexadecimal", "0x10"), ("negative", "-1"), ("minus zero", "-0"), ("the largest 64-bit number", "9223372036854775807"),
            ("beyond 64 bits", "9223372036854775808"), ("wrapping 64 bits", "18446744073709551617"), ("400 digits", new string('9', 400)),
            ("full-width digits", "%EF%BC%91"), ("NaN", "NaN"), ("a NUL", "1%00"), ("an injection", "123;DROP"), ("year 10000", "253402300800000"),
            ("a separator", "1,000"), ("an underscore", "1_000"), ("a trailing space", "1%20"), ("a bad escape", "%G1"), ("an equals sign", "1=2"),
        ]),
        ("timestamp twice", $"{Timed}&{Timed}&{Event}", "timestamp"),
        ("timestamp twice, one escaped", $"{Timed}&%74imestamp=1&{Event}", "timestamp"),
        ("timestamp without a value", $"timestamp&{Event}", "timestamp"),
    ];

    private static IEnumerable<(string, string, string)> Users =>
    [
        ("no user", $"{Timed}&click", "user"),
        .. Values("user", $"&{Timed}&click",
        [
            ("empty", ""), ("257 bytes", new string('a', 257)), ("257 bytes of two each", string.Concat(Enumerable.Repeat("%C3%A4", 128)) + "x"),
            ("129 letters of two bytes", string.Concat(Enumerable.Repeat("%C3%A4", 129))),
            ("a byte that UTF-8 never has", "%FF"), ("an overlong slash", "%C0%AF"), ("an overlong NUL", "%C0%80"), ("a lone surrogate", "%ED%A0%80"),
            ("beyond U+10FFFF", "%F4%90%80%80"), ("a cut sequence", "a%C3"), ("a continuation byte alone", "%A4"), ("a cut emoji", "%F0%9F%98"),
            ("NUL", "a%00b"), ("CR and LF", "a%0D%0Ab"), ("a tab", "a%09b"), ("escape", "%1B%5B31m"), ("DEL", "a%7F"), ("a C1 control", "a%C2%85b"),
            ("the last C1 control", "%C2%9F"), ("a bad escape", "%G1"), ("a cut escape", "a%4"), ("a percent alone", "a%"), ("a bad second digit", "%4G"),
        ]),
        ("user twice", $"{Timed}&user=a&user=a&click", "user"),
        ("user twice, one escaped", $"{Timed}&user=a&us%65r=b&click", "user"),
        ("user without a value", $"{Timed}&user&click", "user"),
    ];

    private static IEnumerable<(string, string, string)> Events =>
        from item in ((string, string, string)[])
        [
            ("no event", "", "event"),
            ("click and impression", "&click&impression", "event"),
            ("click twice", "&click&click", "event"),
            ("click and event=click", "&click&event=click", "event"),
            ("click and event=impression", "&click&event=impression", "event"),
            ("event twice", "&event=click&event=click", "event"),
            ("click=false", "&click=false", "click"),
            ("click=1", "&click=1", "click"),
            ("click=True", "&click=True", "click"),
            ("click=true with a space", "&click=true%20", "click"),
            ("impression=no", "&impression=no", "impression"),
            ("event=Click", "&event=Click", "event"),
            ("event=", "&event=", "event"),
            ("event without a value", "&event", "event"),
            ("an unknown event", "&event=purchase", "event"),
            ("an event that is a prefix", "&event=clic", "event"),
            ("an event with more behind", "&event=clicks", "event"),
        ]
        select (item.Item1, $"{Timed}&user=u{item.Item2}", item.Item3);

    private static IEnumerable<(string, string, string)> Ids =>
    [
        .. Values("id", $"&{Timed}&{Event}",
        [
            ("empty", ""), ("129 bytes", new string('i', 129)), ("not UTF-8", "%FF"), ("a control character", "a%0A"), ("a bad escape", "%zz"),
        ]),
        ("id twice", $"{Timed}&{Event}&id=1&id=1", "id"),
        ("id without a value", $"{Timed}&{Event}&id", "id"),
    ];

    private static IEnumerable<(string, string, string)> Others =>
    [
        ("an unknown parameter", $"{Timed}&{Event}&debug=1", "debug"),
        ("an unknown flag", $"{Timed}&{Event}&verbose", "verbose"),
        ("a name in capitals", $"Timestamp=1&{Event}", "Timestamp"),
        ("a name that is no plain text", $"{Timed}&{Event}&%3Cscript%3E=1", "query"),
        ("a name with a bad escape", $"{Timed}&{Event}&%GG=1", "query"),
        ("a value without a name", $"{Timed}&{Event}&=1", "query"),
        ("a very long name", $"{Timed}&{Event}&{new string('n', 3000)}=1", "query"),
        ("semicolons as separators", "timestamp=1;user=u;click", "timestamp"),
    ];

    private static IEnumerable<(string, string, string)> Values(string field, string rest, (string Name, string Value)[] values) =>
        values.Select(v => ($"{field}: {v.Name}", $"{field}={v.Value}{rest}", field));
}
