using System.Globalization;
using System.Text;

namespace Tally.Bench.Overload;

/// <summary>Requests made beforehand: single events of 50,000 users, or reads of which 19 of 20 are of the current hour.</summary>
internal sealed class Requests
{
    private const int Made = 50_000;
    private const int PastHours = 200;
    private const long Hour = 3_600_000;

    private readonly byte[][] _requests;
    private int _next;

    public Requests(bool post, long nowMs)
    {
        _requests = new byte[Made][];
        for (var i = 0; i < Made; i++)
        {
            var past = i % 20 == 0 ? (1 + (i / 20 % PastHours)) * Hour : 0;
            _requests[i] = post
                ? Line("POST", $"/analytics?timestamp={nowMs}&user=user-{i}&{(i % 4 == 0 ? "click" : "impression")}", "Content-Length: 0\r\n")
                : Line("GET", $"/analytics?timestamp={nowMs - past}", "");
        }
    }

    public byte[] Next() => _requests[_next++ % Made];

    private static byte[] Line(string method, string target, string headers) =>
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"));
}
