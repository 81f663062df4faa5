using System.Globalization;
using System.Text;

namespace Tally.Tests.Unit.Frames;

/// <summary>
/// Frames with all that real ones are known to have: both fields anywhere at the root, as number and as string, the same names inside of
/// objects and arrays, escapes and other scripts in names and values, other names twice, white space and Windows line ends.
/// </summary>
internal sealed class RandomJson(int seed)
{
    private static readonly string[] Names = ["ts", "uid", "a", "esse", "Так", "\\u0074s", "\\u0075\\u0069\\u0064", "t\\u0073x", "\\n", "", "ts ", "TS", "\\ud83d\\ude00", "\\ud800"];
    private static readonly string[] Texts = ["", "x", "1468244384", "code.\\nD\\nalso", "Благословить", "\\\"ts\\\":1,\\\"uid\\\":\\\"no\\\"", "{\\\"uid\\\"", "\\\\", "\\u0441", "\\ud83d\\ude00", "😀", "a/b\\/c"];

    private readonly Random _random = new(seed);

    /// <summary>A frame that is JSON; mostly with both fields.</summary>
    public string Frame()
    {
        var members = new List<string>();
        for (var i = _random.Next(12); i > 0; i--)
        {
            var name = Names[_random.Next(Names.Length)];
            // The root's two fields stand there once each; other names may come again.
            if (name is not ("ts" or "uid" or "\\u0074s" or "\\u0075\\u0069\\u0064")) members.Add(Member(name, Value(0)));
        }
        if (_random.Next(20) > 0) members.Insert(_random.Next(members.Count + 1), Member(_random.Next(10) == 0 ? "\\u0074s" : "ts", Timestamp()));
        if (_random.Next(20) > 0) members.Insert(_random.Next(members.Count + 1), Member(_random.Next(10) == 0 ? "\\u0075id" : "uid", User()));
        return $"{Space()}{{{Space()}{string.Join(',' + Space(), members)}{Space()}}}{(_random.Next(3) == 0 ? "\r\n" : Space())}";
    }

    private string Timestamp() => _random.Next(12) switch
    {
        0 => "null",
        1 => "\"x\"",
        2 => "1468244384.75",
        3 => "1.5e9",
        4 => "-5",
        5 => "1468244384000",
        6 => "\"1e9\"",
        7 => "99999999999999999999999999999999999",
        8 => Value(1),
        9 or 10 => $"\"{_random.Next().ToString(CultureInfo.InvariantCulture)}\"",
        _ => _random.Next().ToString(CultureInfo.InvariantCulture),
    };

    private string User() => _random.Next(10) switch
    {
        0 => Value(1),
        1 => "\"\\u0441\\\\\\\"\"",
        2 => "\"\\ud800\"",
        _ => $"\"{_random.Next(100):x}{Texts[_random.Next(Texts.Length)]}\"",
    };

    private string Value(int depth) => _random.Next(depth > 4 ? 5 : 8) switch
    {
        0 => "true",
        1 => "null",
        2 => (_random.NextDouble() * 1000).ToString("R", CultureInfo.InvariantCulture),
        3 or 4 => $"\"{Texts[_random.Next(Texts.Length)]}\"",
        5 => $"[{Space()}{string.Join(',', Enumerable.Range(0, _random.Next(4)).Select(_ => Value(depth + 1)))}]",
        _ => $"{{{string.Join(',' + Space(), Enumerable.Range(0, _random.Next(5)).Select(_ => Member(Names[_random.Next(Names.Length)], Value(depth + 1))))}}}",
    };

    private string Member(string name, string value) => $"\"{name}\"{Space()}:{Space()}{value}";

    private string Space() => _random.Next(6) switch { 0 => " ", 1 => "\t", 2 => "\r\n", _ => "" };

    /// <summary>The same with a byte changed, taken out or put in, or cut off.</summary>
    public byte[] Damaged(string frame)
    {
        var bytes = Encoding.UTF8.GetBytes(frame).ToList();
        for (var i = _random.Next(1, 3); i > 0 && bytes.Count > 0; i--)
        {
            var at = _random.Next(bytes.Count);
            switch (_random.Next(4))
            {
                case 0: bytes[at] ^= (byte)(1 << _random.Next(8)); break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.Insert(at, "{}[]\",:\\019ex \0"u8[_random.Next(14)]); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }
}
