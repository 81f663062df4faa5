namespace Tally.ProcessorService.Rebuild;

/// <summary>Which job is rebuilt, and into which generation.</summary>
public sealed record RebuildStart(RebuiltJob Job, int Generation);
