using System.Buffers.Binary;
using Tally.Shared.Contracts;

namespace Tally.Bench.State;

/// <summary>
/// Events as command-service writes them, made from their number: user and hour of event n are the same whenever it is made, so that an
/// earlier one can be sent again.
/// </summary>
public sealed class MadeEvents(string order, long uniques, int hours)
{
    private const long FirstHour = 480_000;
    private readonly byte[] _value = new byte[64];

    public long Hour { get; private set; }
    public byte[] Key { get; } = new byte[16];

    /// <summary>Holds until the next is made.</summary>
    public ReadOnlyMemory<byte> Value { get; private set; }

    /// <summary>Index of the event's hour, from 0.</summary>
    public int HourIndex => (int)(Hour - FirstHour);

    public void Make(long n)
    {
        var (a, b) = (Mix((ulong)n + 0x1234567), Mix((ulong)n * 3 + 0x7654321));
        BinaryPrimitives.WriteUInt64LittleEndian(Key, a);
        BinaryPrimitives.WriteUInt64LittleEndian(Key.AsSpan(8), b);
        var draw = Mix(a ^ 0x5bd1e995);
        var current = order == "uniform" ? hours - 1 : n * hours / uniques;
        var late = order == "uniform" || draw % 100 < 5;
        Hour = FirstHour + (late ? (long)((draw >> 8) % (ulong)(current + 1)) : current);
        Value = _value.AsMemory(0, Encode(Hours.StartMs(Hour) + (long)(draw >> 40) % 3_600_000, a % 2 == 0));
    }

    /// <summary>An event of one of a fixed set of users in a given hour, counted from the first.</summary>
    public void Make(long user, long hourIndex)
    {
        var (a, b) = (Mix((ulong)user + 0x1234567), Mix((ulong)user * 3 + 0x7654321));
        BinaryPrimitives.WriteUInt64LittleEndian(Key, a);
        BinaryPrimitives.WriteUInt64LittleEndian(Key.AsSpan(8), b);
        Hour = FirstHour + hourIndex;
        Value = _value.AsMemory(0, Encode(Hours.StartMs(Hour), a % 2 == 0));
    }

    private int Encode(long timestampMs, bool click)
    {
        var at = 0;
        _value[at++] = 8;
        for (var rest = (ulong)timestampMs; ; rest >>= 7)
        {
            if (rest < 0x80)
            {
                _value[at++] = (byte)rest;
                break;
            }
            _value[at++] = (byte)(rest | 0x80);
        }
        (_value[at], _value[at + 1], _value[at + 2], _value[at + 3]) = (24, (byte)(click ? 1 : 2), 34, 16);
        Key.CopyTo(_value, at + 4);
        return at + 20;
    }

    private static ulong Mix(ulong z)
    {
        z += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}
