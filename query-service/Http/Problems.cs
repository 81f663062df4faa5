namespace Tally.QueryService.Http;

/// <summary>Problems that any call may meet.</summary>
public static class Problems
{
    public static readonly Problem Body = Problem.Invalid("unexpected-body", "body", "No body is taken here: the parameters are in the query string.");

    public static readonly Problem NotFound = new(StatusCodes.Status404NotFound, "not-found", "There is nothing here.", "path",
        "Hours are read by GET /analytics?timestamp={ms}, series of them by GET /analytics/range?from={ms}&to={ms}&step=hour|day, flows by GET /flows?hour=N, "
            + "unique users of frames by GET /frames?window=minute, outcomes by GET /accounting.");

    public static readonly Problem MethodNotAllowed = new(StatusCodes.Status405MethodNotAllowed, "method-not-allowed",
        "The method is not allowed.", "method", "This is read by GET or HEAD.");

    public static readonly Problem NoSource = new(StatusCodes.Status503ServiceUnavailable, "no-source", "No source can answer now.", null,
        "Neither Redis nor the archive can answer, and nothing is remembered. Ask again after Retry-After.");
}
