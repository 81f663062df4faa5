using System.Globalization;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>One event as a client means to send it.</summary>
public sealed record PostedEvent(long TimestampMs, string User, bool Click, string? Id)
{
    public long Hour => TimestampMs / 3_600_000;

    public string PathAndQuery => string.Create(CultureInfo.InvariantCulture,
        $"/analytics?timestamp={TimestampMs}&user={Uri.EscapeDataString(User)}&{(Click ? "click" : "impression")}{(Id is null ? "" : $"&id={Id}")}");
}
