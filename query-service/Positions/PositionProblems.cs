using Tally.QueryService.Http;

namespace Tally.QueryService.Positions;

/// <summary>Why a read that waits for an event is not answered.</summary>
public static class PositionProblems
{
    public static readonly Problem UnknownPartition = Problem.Invalid("unknown-partition", WaitRequest.Header,
        "A position names a partition that the events' topic does not have: send what a POST answered.");

    public static readonly Problem BeyondEnd = Problem.Invalid("position-beyond-end", WaitRequest.Header,
        "A position lies beyond the end of the events' topic: send what a POST answered.");

    public static readonly Problem NotReached = new(StatusCodes.Status504GatewayTimeout, "position-not-reached", "The event is not in the numbers yet.", null,
        "No source has come as far as the position within wait. Ask again, wait longer (wait=, at most 10000 ms), or take an older answer with on-timeout=stale.");

    public static readonly Problem TooManyWait = new(StatusCodes.Status503ServiceUnavailable, "too-many-wait", "Too many reads wait for their events.", null,
        "Positions:MaxWaiting reads wait already. Ask again after Retry-After, or without a position.");

    /// <summary>Writes one of these, with <c>Retry-After</c> where waiting helps.</summary>
    public static Task WriteAsync(Problem problem, HttpContext context) =>
        problem.Status == StatusCodes.Status503ServiceUnavailable ? problem.WriteAsync(context, retryAfterSeconds: 1) : problem.WriteAsync(context);
}
