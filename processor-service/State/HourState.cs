namespace Tally.ProcessorService.State;

/// <summary>What one input partition knows of one hour: absolute counts, who was seen, and what the changelog has not been told yet.</summary>
public sealed class HourState(long hour)
{
    public long Hour { get; } = hour;
    public long Clicks { get; set; }
    public long Impressions { get; set; }
    public long Duplicates { get; set; }

    /// <summary>Newest append time folded into the hour, Unix time in ms.</summary>
    public long LastEventMs { get; set; }

    public DistinctSet Users { get; } = new();
    public DistinctSet Ids { get; } = new();

    /// <summary>Number of the open chunk; those below it are final.</summary>
    public int OpenChunk { get; set; }

    /// <summary>Users and ids of the open chunk and those that came since.</summary>
    public HashList TailUsers { get; } = new();
    public HashList TailIds { get; } = new();

    /// <summary>Set since the last commit: the changelog must be told / the counts that readers see changed.</summary>
    public bool Touched { get; set; }
    public bool CountsChanged { get; set; }

    public bool AddUser(UInt128 user)
    {
        if (!Users.Add(user)) return false;
        TailUsers.Add(user);
        return true;
    }

    public bool AddId(UInt128 id)
    {
        if (!Ids.Add(id)) return false;
        TailIds.Add(id);
        return true;
    }
}
