namespace Tally.ProcessorService.State;

/// <summary>A changelog that gives back less than was written to it: one that was made anew, or whose records were removed. To go on would count users again.</summary>
public static class LostState
{
    /// <param name="whole">Hours that came back whole.</param>
    /// <param name="written">Hours there were.</param>
    public static string Sentence(long whole, long written) =>
        $"its changelog gives back the state of {whole} hours, and there were {written}: the topic was recreated, or records of it were removed; bring it back, or rebuild into a new generation";
}
