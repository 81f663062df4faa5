namespace Tally.CommandService.Ingest;

/// <summary>
/// Lets requests run on the threads that wait for the sockets, instead of handing each to the thread pool and back. Allowed because nothing
/// between a request and its hand-over to Kafka blocks; worth it because on few cores waking threads costs more than the work
/// (docs/decisions/0011).
/// </summary>
public static class SocketThreads
{
    // The runtime reads it once, when the first socket is made; it knows no other way to be told.
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>To be called before anything opens a socket. A value of that variable given from outside is kept.</summary>
    public static void RunRequestsOnSocketThreads(this WebApplicationBuilder builder)
    {
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null) Environment.SetEnvironmentVariable(InlineCompletions, "1");
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
    }
}
