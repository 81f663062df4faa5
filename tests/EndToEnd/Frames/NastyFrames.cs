using System.Globalization;
using System.Text;

namespace Tally.Tests.EndToEnd.Frames;

/// <summary>A frame as it goes in, and what is to become of it.</summary>
/// <param name="Value">Its bytes.</param>
/// <param name="Seconds">Its ts.</param>
/// <param name="User">Its uid.</param>
/// <param name="Fate">null: counted; else why it is dead-lettered.</param>
internal sealed record NastyFrame(byte[] Value, long Seconds, string User, string? Fate);

/// <summary>
/// Frames with all that is known of real ones: both fields anywhere at the root, as number and as text, the same names inside of objects and arrays, escapes
/// and other scripts, other names twice, 5 % up to 30 s late, wild times, Windows line ends, and some that are none.
/// </summary>
internal sealed class NastyFrames(int seed)
{
    /// <summary>Members, each as an object of its own.</summary>
    private static readonly string[] Decoys =
    [
        """{"a":{"ts":1,"uid":"no","b":[{"uid":"no"},{"ts":"2"}]}}""", """{"l":[[{"ts":3}],"uid",{"uid":{"uid":"no"}}]}""", """{"text":"\"ts\":4,\"uid\":\"no\""}""",
        """{"Так":"Благословить \u0441\ud83d\ude00"}""", """{"x":1,"x":[],"x":{"x":"x"}}""", """{"ts ":5,"TS":6,"uid\\":"no"}""", """{"n":-1.5e-3,"t":true,"f":false,"z":null}""",
    ];

    private static readonly (string Json, string Reason)[] Bad =
    [
        ("", "not-json"), ("no json", "not-json"), ("""{"ts":1735689600,"uid":"cut""", "not-json"), ("""{"ts":1735689600,"uid":"u"}{}""", "not-json"),
        ("""{"ts":NaN,"uid":"u"}""", "not-json"), ("""[{"ts":1735689600,"uid":"u"}]""", "no-ts"), ("""{"uid":"u","a":{"ts":1735689600}}""", "no-ts"),
        ("""{"ts":null,"uid":"u"}""", "no-ts"), ("""{"ts":-1,"uid":"u"}""", "wild-timestamp"), ("""{"ts":1735689600000000,"uid":"u"}""", "wild-timestamp"),
        ("""{"ts":1735689600}""", "no-uid"), ("""{"ts":"1735689600","uid":""}""", "no-uid"), ("""{"ts":1735689600,"uid":7}""", "no-uid"),
    ];

    private readonly Random _random = new(seed);

    public List<NastyFrame> Make(int count, int users)
    {
        var frames = new List<NastyFrame>();
        var now = new DateTimeOffset(2024, 12, 31, 23, 30, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        for (var i = 0; i < count; i++)
        {
            now += _random.Next(3);
            var late = _random.Next(1000) switch { 0 => _random.Next(86_400), < 50 => _random.Next(31), _ => _random.Next(2) };
            frames.Add(Good(now - late, _random.Next(users), fate: null));
            if (_random.Next(60) == 0) frames.Add(new NastyFrame(Encoding.UTF8.GetBytes(Bad[frames.Count % Bad.Length].Json), 0, "", Bad[frames.Count % Bad.Length].Reason));
            // A flipped bit: hours or years ahead.
            if (_random.Next(200) == 0) frames.Add(Good(now + (1L << _random.Next(22, 30)), _random.Next(users), fate: "wild-timestamp"));
        }
        return frames;
    }

    private NastyFrame Good(long seconds, int user, string? fate)
    {
        // The same user in several spellings.
        var (text, spelled) = (user % 4) switch
        {
            0 => ($"user-{user}", $"\"user-{user}\""),
            1 => ($"с{user}", _random.Next(2) == 0 ? $"\"с{user}\"" : $"\"\\u0441{user}\""),
            2 => ($"a\"{user}\\", $"\"a\\\"{user}\\\\\""),
            _ => ($"😀/{user}", _random.Next(2) == 0 ? $"\"😀/{user}\"" : $"\"\\ud83d\\ude00\\/{user}\""),
        };
        var members = Enumerable.Range(0, _random.Next(5)).Select(_ => Decoys[_random.Next(Decoys.Length)][1..^1]).ToList();
        var number = seconds.ToString(CultureInfo.InvariantCulture);
        members.Insert(_random.Next(members.Count + 1), $"{(_random.Next(9) == 0 ? "\"\\u0074s\"" : "\"ts\"")}{Space()}:{Space()}{(_random.Next(2) == 0 ? number : $"\"{number}\"")}");
        members.Insert(_random.Next(members.Count + 1), $"{(_random.Next(9) == 0 ? "\"u\\u0069d\"" : "\"uid\"")}{Space()}:{spelled}");
        var json = $"{{{Space()}{string.Join(Space() + ",", members)}}}{(_random.Next(3) == 0 ? "\r\n" : "")}";
        return new NastyFrame(Encoding.UTF8.GetBytes(json), seconds, text, fate);
    }

    private string Space() => _random.Next(5) switch { 0 => " ", 1 => "\t", 2 => "\r\n", _ => "" };
}
