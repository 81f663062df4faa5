namespace Tally.QueryService.Live;

/// <summary>One client of the stream; dropped when it does not take what it is sent.</summary>
/// <param name="context">Its request.</param>
/// <param name="slowAfter">How long it may leave something untaken.</param>
/// <param name="clock">Measures that.</param>
public sealed class LiveListener(HttpContext context, TimeSpan slowAfter, TimeProvider clock)
{
    /// <returns>False when it has gone or was dropped.</returns>
    public async Task<bool> TakeAsync(ReadOnlyMemory<byte> bytes, CancellationToken ended)
    {
        var written = context.Response.BodyWriter.WriteAsync(bytes, ended);
        if (written.IsCompletedSuccessfully) return !(await written).IsCompleted;
        try
        {
            return !(await written.AsTask().WaitAsync(slowAfter, clock, ended)).IsCompleted;
        }
        catch (TimeoutException)
        {
            context.Abort();
            return false;
        }
    }
}
