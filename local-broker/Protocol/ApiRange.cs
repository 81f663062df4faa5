namespace Tally.LocalBroker.Protocol;

/// <summary>The versions of one request kind that the broker offers, and the first one in flexible encoding (KIP-482).</summary>
internal readonly record struct ApiRange(ApiKey Key, short Min, short Max, short FirstFlexible)
{
    public bool Offers(short version) => version >= Min && version <= Max;

    public bool IsFlexible(short version) => version >= FirstFlexible;
}
