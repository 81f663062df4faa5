using System.Reflection;
using Tally.LocalBroker.Protocol;

namespace Tally.Tests.Unit.LocalBroker.Fuzz;

/// <summary>Every message of the protocol, found by its shape: a new one is fuzzed without being named here.</summary>
internal static class RequestDecoders
{
    private delegate void Decoder(ref WireReader reader, short version);

    private delegate T Versioned<out T>(ref WireReader reader, short version);

    private delegate T Plain<out T>(ref WireReader reader);

    private static readonly Dictionary<ApiKey, (ApiRange Range, Decoder Decode)> All = Find();

    /// <summary>Each key with each version that is offered and carries a request that is served.</summary>
    public static IReadOnlyList<ApiRange> Ranges => [.. All.Values.Select(d => d.Range)];

    public static bool IsFlexible(ApiKey key, short version) => All[key].Range.IsFlexible(version);

    /// <summary>What the connection does with a frame: head, then body. Returns how many bytes were understood, -1 for a key or version that is not offered.</summary>
    public static int Decode(ReadOnlySpan<byte> frame)
    {
        var reader = new WireReader(frame);
        RequestHeader header = RequestHeader.ReadFixed(ref reader);
        if (!All.TryGetValue(header.Key, out (ApiRange Range, Decoder Decode) entry) || !entry.Range.Offers(header.Version))
            return -1;
        bool flexible = entry.Range.IsFlexible(header.Version);
        header.ReadRest(ref reader, flexible);
        int start = reader.Position;
        var body = new WireReader(frame[start..]) { Flexible = flexible };
        entry.Decode(ref body, header.Version);
        return start + body.Position;
    }

    private static Dictionary<ApiKey, (ApiRange Range, Decoder Decode)> Find()
    {
        var found = new Dictionary<ApiKey, (ApiRange, Decoder)>();
        foreach (Type message in typeof(ApiRange).Assembly.GetTypes())
        {
            if (message.GetField("Range", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) is ApiRange range)
                found.Add(range.Key, (range, DecoderOf(message)));
        }

        return found;
    }

    private static Decoder DecoderOf(Type message)
    {
        // ListGroups has nothing to read.
        if (message.GetMethod("Read", BindingFlags.Public | BindingFlags.Static) is not { } read)
            return static (ref WireReader _, short _) => { };
        string wrap = read.GetParameters().Length == 2 ? nameof(WrapVersioned) : nameof(WrapPlain);
        return (Decoder)typeof(RequestDecoders).GetMethod(wrap, BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(read.ReturnType).Invoke(null, [read])!;
    }

    private static Decoder WrapVersioned<T>(MethodInfo read)
    {
        var typed = read.CreateDelegate<Versioned<T>>();
        return (ref WireReader reader, short version) => typed(ref reader, version);
    }

    private static Decoder WrapPlain<T>(MethodInfo read)
    {
        var typed = read.CreateDelegate<Plain<T>>();
        return (ref WireReader reader, short _) => typed(ref reader);
    }
}
