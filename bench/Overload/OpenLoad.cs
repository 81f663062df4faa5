using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;

namespace Tally.Bench.Overload;

/// <summary>
/// Sends each request when it is due, over any connection that is free, as a gateway with a bounded pool does. One that finds none is turned away. Latency
/// counts from the moment a request was due.
/// </summary>
internal sealed class OpenLoad(int port, int connections, Requests requests) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly ConcurrentBag<Connection> _free = [];
    private int _underWay;
    private int _other;
    private int _broken;

    public Latencies Accepted { get; } = new();

    public Latencies Refused { get; } = new();

    public int Other => _other;

    public int Broken => _broken;

    public int TurnedAway { get; private set; }

    public int UnderWay => _underWay;

    public async Task RunAsync(int rate, TimeSpan length)
    {
        await OpenAsync().ConfigureAwait(false);
        var begun = Stopwatch.GetTimestamp();
        var all = (long)(rate * length.TotalSeconds);
        for (var sent = 0L; sent < all;)
        {
            var due = Math.Min(all, (long)(Stopwatch.GetElapsedTime(begun).TotalSeconds * rate));
            for (; sent < due; sent++)
            {
                if (_free.TryTake(out var connection)) _ = AskAsync(connection, requests.Next(), begun + (long)((double)sent / rate * Stopwatch.Frequency));
                else TurnedAway++;
            }
            await Task.Delay(1).ConfigureAwait(false);
        }
        var ended = Stopwatch.GetTimestamp();
        while (_underWay > 0 && Stopwatch.GetElapsedTime(ended) < Patience) await Task.Delay(10).ConfigureAwait(false);
    }

    public void Dispose()
    {
        while (_free.TryTake(out var connection)) connection.Dispose();
    }

    private async Task OpenAsync()
    {
        for (var i = 0; i < connections; i++)
        {
            var connection = new Connection(port);
            await connection.OpenAsync().ConfigureAwait(false);
            _free.Add(connection);
        }
    }

    private async Task AskAsync(Connection connection, byte[] request, long due)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            var status = await connection.AskAsync(request).ConfigureAwait(false);
            if (status is 200 or 204) Accepted.Add(due);
            else if (status is 503 or 429) Refused.Add(due);
            else Interlocked.Increment(ref _other);
            _free.Add(connection);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            Interlocked.Increment(ref _broken);
            connection.Dispose();
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }
}
