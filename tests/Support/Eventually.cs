using System.Diagnostics;

namespace Tally.Tests.Support;

/// <summary>Waits for something that must come true, and says what did not.</summary>
public static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// How long a test waits for what takes far less: only a broken system reaches it. Below 60 s, after which clients of Kafka and local-broker by themselves end what hangs: a
    /// test that waited as long would take that for an answer.
    /// </summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(45);

    /// <summary>The same for what must end or break off: below 30 s, after which a host gives up on what does not stop.</summary>
    public static TimeSpan Promptly { get; } = TimeSpan.FromSeconds(20);

    /// <inheritdoc cref="HoldsAsync(string, TimeSpan, Func{Task{bool}})"/>
    public static Task HoldsAsync(string what, Func<Task<bool>> holds) => HoldsAsync(what, Patience, holds);

    /// <param name="what">A sentence for the failure.</param>
    /// <param name="limit">Generous: only a broken system reaches it.</param>
    /// <param name="holds">Asked again and again; what it throws counts as "not yet", but for a failed assertion.</param>
    public static async Task HoldsAsync(string what, TimeSpan limit, Func<Task<bool>> holds)
    {
        var begun = Stopwatch.GetTimestamp();
        Exception? last = null;
        while (Stopwatch.GetElapsedTime(begun) < limit)
        {
            try
            {
                if (await holds()) return;
                last = null;
            }
            catch (Exception e) when (e is not ResultStateException)
            {
                last = e;
            }
            await Task.Delay(Pause);
        }
        Assert.Fail($"{what}: not within {limit.TotalSeconds} s{(last is null ? "" : $" ({last.Message})")}.");
    }
}
