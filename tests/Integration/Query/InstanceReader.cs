using System.Globalization;
using System.Net;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Query;

/// <summary>One client that reads an hour at one instance after the other and watches whether its numbers fall.</summary>
/// <param name="instances">Asked in turn.</param>
/// <param name="hour">What is read.</param>
/// <param name="sendsBack">Each read sends the <c>Tally-Position</c> that the one before was answered.</param>
internal sealed class InstanceReader(HttpClient[] instances, long hour, bool sendsBack)
{
    private readonly HashSet<int> _answeredBy = [];
    private string? _position;
    private HourCounts _last;
    private int _turn;

    /// <summary>Unmarked answers that had less than one before, with who gave them.</summary>
    public List<string> Falls { get; } = [];

    /// <summary>Answers that are none: 504 where nobody has come so far within the wait, 503.</summary>
    public int Refused { get; private set; }

    /// <summary>Instances that gave an unmarked answer since this was called last.</summary>
    public int TakeAnsweredBy()
    {
        var count = _answeredBy.Count;
        _answeredBy.Clear();
        return count;
    }

    public async Task ReadAsync()
    {
        var at = _turn++ % instances.Length;
        using var request = new HttpRequestMessage(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"/analytics?timestamp={Hours.StartMs(hour)}"));
        if (sendsBack && _position is not null) request.Headers.Add("Tally-Position", _position);
        using var answer = await instances[at].SendAsync(request);
        if (answer.StatusCode is not HttpStatusCode.OK)
        {
            Refused++;
            return;
        }
        if (answer.Headers.Contains("Tally-Stale")) return;
        var counts = HourReaders.Parse(await answer.Content.ReadAsStringAsync());
        if (!HourReaders.NotLess(counts, _last)) Falls.Add($"{counts} of instance {at} after {_last}, position {_position}");
        _last = counts;
        _position = answer.Headers.GetValues("Tally-Position").Single();
        _answeredBy.Add(at);
    }
}
