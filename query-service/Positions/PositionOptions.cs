using System.ComponentModel.DataAnnotations;

namespace Tally.QueryService.Positions;

/// <summary>Section <c>Positions</c>: reads that wait for an event (<c>Tally-Position</c>, <c>after=</c>).</summary>
public sealed class PositionOptions
{
    public const string Section = "Positions";

    /// <summary>How long a read waits unless it says <c>wait=</c>, 0 to 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10", ErrorMessage = "Positions:Wait must be from 0 to 10 seconds.")]
    public TimeSpan Wait { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How often Redis is asked how far it is while reads wait, however many; 1 ms to 1 s. The archive is asked a tenth as often.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:01", ErrorMessage = "Positions:AskEvery must be from 1 ms to 1 second.")]
    public TimeSpan AskEvery { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Reads that may wait at once, 1 to 1,000,000 and fewer than <c>Query:MaxRequests</c>; one more is answered 503.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Positions:MaxWaiting must be from 1 to 1000000.")]
    public int MaxWaiting { get; set; } = 2_500;
}
