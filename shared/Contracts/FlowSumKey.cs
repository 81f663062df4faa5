using System.Buffers.Text;

namespace Tally.Shared.Contracts;

/// <summary>
/// Key of a <see cref="FlowSum"/> (a stored format): <c>hour\tsrc_app\tdest_app\tvpc_id</c>. A tab is less than any byte of a name, so keys of an
/// hour are ordered by src_app, then dest_app, then vpc_id.
/// </summary>
public static class FlowSumKey
{
    public const int BytesMax = 19 + 3 + 3 * FlowNames.BytesMax;
    private const byte Separator = (byte)'\t';

    /// <param name="destination">At least <see cref="BytesMax"/> bytes.</param>
    /// <param name="hour">At least 0.</param>
    /// <param name="srcApp">Valid by <see cref="FlowNames"/>, as the others.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> destination, long hour, ReadOnlySpan<byte> srcApp, ReadOnlySpan<byte> destApp, ReadOnlySpan<byte> vpcId)
    {
        Utf8Formatter.TryFormat(hour, destination, out var at);
        Append(destination, ref at, srcApp);
        Append(destination, ref at, destApp);
        Append(destination, ref at, vpcId);
        return at;
    }

    /// <summary>True when the key has the form of one and its parts are valid.</summary>
    public static bool TryRead(ReadOnlySpan<byte> key, out long hour, out Range srcApp, out Range destApp, out Range vpcId)
    {
        (srcApp, destApp, vpcId) = (default, default, default);
        if (!Utf8Parser.TryParse(key, out hour, out var used) || hour < 0 || used == key.Length || key[used] != Separator) return false;
        return Next(key, ref used, out srcApp) && Next(key, ref used, out destApp) && Next(key, ref used, out vpcId) && used == key.Length;
    }

    private static void Append(Span<byte> destination, ref int at, ReadOnlySpan<byte> name)
    {
        destination[at++] = Separator;
        name.CopyTo(destination[at..]);
        at += name.Length;
    }

    private static bool Next(ReadOnlySpan<byte> key, ref int at, out Range name)
    {
        name = default;
        if (at >= key.Length || key[at] != Separator) return false;
        var from = at + 1;
        var length = key[from..].IndexOf(Separator);
        at = length < 0 ? key.Length : from + length;
        name = from..at;
        return FlowNames.IsValid(key[name]);
    }
}
