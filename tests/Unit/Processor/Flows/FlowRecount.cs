using System.Numerics;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor.Flows;

/// <summary>The naive count: arrays one after the other, sums without bound, cut at the end.</summary>
internal sealed class FlowRecount
{
    private readonly Dictionary<(long Hour, string Src, string Dest, string Vpc), (BigInteger Tx, BigInteger Rx)> _sums = [];
    private readonly HashSet<string> _keys = [];

    /// <summary>Name, tx, rx and whether one was cut, in the order in which an hour is answered.</summary>
    public IEnumerable<(string Name, long Tx, long Rx, bool Cut)> Rows => _sums
        .Select(s => (Name: $"{s.Key.Hour}\t{s.Key.Src}\t{s.Key.Dest}\t{s.Key.Vpc}", Tx: Cut(s.Value.Tx), Rx: Cut(s.Value.Rx),
            Cut: s.Value.Tx > long.MaxValue || s.Value.Rx > long.MaxValue))
        .OrderBy(r => r.Name, StringComparer.Ordinal);

    /// <returns>False for a retry.</returns>
    public bool Take(FlowArray array, string? key)
    {
        if (key is not null && !_keys.Add(key)) return false;
        foreach (var flow in array.Flows)
        {
            var name = (flow.Hour, flow.SrcApp, flow.DestApp, flow.VpcId);
            var (tx, rx) = _sums.GetValueOrDefault(name);
            _sums[name] = (tx + flow.BytesTx, rx + flow.BytesRx);
        }
        return true;
    }

    private static long Cut(BigInteger sum) => (long)BigInteger.Min(sum, long.MaxValue);
}
