using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;

namespace Tally.Tests.Unit.LocalBroker.Fuzz;

/// <summary>
/// Frames to try. Valid ones of every key and version are bred first: from zeros, by mutations that the decoder still understands, the longer the better.
/// What is tried then is random, or one of those broken in one to four places.
/// </summary>
internal sealed class FrameSource
{
    private const int Generations = 400;
    private const int Kept = 8;
    private readonly Random _random;
    private readonly List<(ApiKey Key, short Version, List<byte[]> Frames)> _valid = [];

    public FrameSource(Random random)
    {
        _random = random;
        foreach (ApiRange range in RequestDecoders.Ranges)
        {
            for (short version = range.Min; version <= range.Max; version++)
                _valid.Add((range.Key, version, Breed(range.Key, version)));
        }
    }

    /// <summary>Keys and versions for which no valid frame was bred.</summary>
    public IEnumerable<string> Barren => _valid.Where(v => v.Frames.Count == 0).Select(v => $"{v.Key} {v.Version}");

    /// <summary>Average length of the longest valid frame of each key and version.</summary>
    public double Depth => _valid.Where(v => v.Frames.Count > 0).Average(v => v.Frames[0].Length);

    public byte[] Next()
    {
        (ApiKey key, short version, List<byte[]> frames) = _valid[_random.Next(_valid.Count)];
        if (frames.Count == 0 || _random.Next(10) == 0)
            return Random(key, version);
        byte[] frame = frames[_random.Next(frames.Count)];
        for (int broken = _random.Next(1, 5); broken > 0; broken--)
            frame = Mutate(frame, headToo: true);
        return frame;
    }

    private static byte[] Head(ApiKey key, short version, int bodyBytes)
    {
        var frame = new byte[10 + (RequestDecoders.IsFlexible(key, version) ? 1 : 0) + bodyBytes];
        BinaryPrimitives.WriteInt16BigEndian(frame, (short)key);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(2), version);
        BinaryPrimitives.WriteInt16BigEndian(frame.AsSpan(8), -1);
        return frame;
    }

    private List<byte[]> Breed(ApiKey key, short version)
    {
        var best = new List<byte[]>();
        for (int i = 0; i < Generations; i++)
        {
            // Nothing is 0 in the old encoding and 1 in the compact one.
            var filling = new byte[best.Count == 0 ? 200 : 40];
            filling.AsSpan().Fill((byte)_random.Next(2));
            byte[] candidate = best.Count == 0
                ? [.. Head(key, version, 0), .. filling]
                : Mutate([.. best[_random.Next(best.Count)], .. filling], headToo: false);
            int understood = Understood(candidate);
            if (understood < 0)
                continue;
            candidate = candidate[..Math.Min(understood, candidate.Length)];
            if (candidate.Length < 400)
                best.Add(candidate);
            best.Sort((a, b) => b.Length.CompareTo(a.Length));
            if (best.Count > Kept)
                best.RemoveAt(best.Count - 1);
        }

        return best;
    }

    private static int Understood(byte[] frame)
    {
        try
        {
            return RequestDecoders.Decode(frame);
        }
        catch (MalformedRequestException)
        {
            return -1;
        }
    }

    private byte[] Random(ApiKey key, short version)
    {
        byte[] frame = Head(key, version, _random.Next(0, 300));
        if (_random.Next(3) == 0)
            frame = new byte[_random.Next(0, 300)];
        _random.NextBytes(frame.AsSpan(_random.Next(2) == 0 ? 0 : Math.Min(frame.Length, 10)));
        return frame;
    }

    private byte[] Mutate(byte[] frame, bool headToo)
    {
        int first = headToo ? 0 : 10;
        if (frame.Length <= first + 4)
            return [.. frame, .. new byte[_random.Next(1, 8)]];
        byte[] changed = [.. frame];
        int at = _random.Next(first, frame.Length - 3);
        Span<byte> there = changed.AsSpan(at);
        switch (_random.Next(9))
        {
            case 0:
                there[0] ^= (byte)(1 << _random.Next(8));
                return changed;
            case 1:
                there[0] = (byte)_random.Next(256);
                return changed;
            case 2:
                // A small count or length, where there may be one, and room for what it counts.
                BinaryPrimitives.WriteInt32BigEndian(there, _random.Next(1, 6));
                return [.. changed[..(at + 4)], .. new byte[_random.Next(0, 40)], .. changed[(at + 4)..]];
            case 3:
                BinaryPrimitives.WriteInt16BigEndian(there, (short)_random.Next(1, 6));
                return [.. changed[..(at + 2)], .. "topic"u8, .. changed[(at + 2)..]];
            case 4:
                BinaryPrimitives.WriteInt32BigEndian(there, Absurd());
                return changed;
            case 5:
                // Tagged fields, varints and compact lengths: few, many, endless.
                byte[] varint = _random.Next(3) switch { 0 => [(byte)_random.Next(1, 5)], 1 => [0xFF, 0xFF, 0xFF, 0xFF, (byte)_random.Next(16)], _ => [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] };
                return [.. changed[..at], .. varint, .. changed[at..]];
            case 6:
                return changed[..at];
            case 7:
                return [.. changed[..at], .. changed[(at + _random.Next(1, 4))..]];
            default:
                return [.. changed[..at], .. changed[_random.Next(at)..]];
        }
    }

    private int Absurd() => _random.Next(6) switch
    {
        0 => int.MaxValue,
        1 => int.MinValue,
        2 => -1,
        3 => -2,
        4 => _random.Next(),
        _ => _random.Next(1 << 20),
    };
}
