using Tally.ProcessorService.State.Runs;

namespace Tally.ProcessorService.State;

/// <summary>What one input partition knows of one hour: absolute counts, who was seen, and what the changelog has not been told yet.</summary>
public sealed class HourState : IDisposable
{
    /// <summary>Bytes of an hour beside its hashes, about.</summary>
    public const int OwnBytes = 512;

    private readonly StateBudget? _budget;

    public HourState(long hour, StateBudget? budget = null, RunStore? runs = null)
    {
        Hour = hour;
        _budget = budget;
        Users = new HourSet(hour * 2, budget, runs);
        Ids = new HourSet((hour * 2) + 1, budget, runs);
        TailUsers = new HashList(budget);
        TailIds = new HashList(budget);
        budget?.Take(OwnBytes);
    }

    public long Hour { get; }
    public long Clicks { get; set; }
    public long Impressions { get; set; }
    public long Duplicates { get; set; }

    /// <summary>Newest append time folded into the hour, Unix time in ms.</summary>
    public long LastEventMs { get; set; }

    public HourSet Users { get; }
    public HourSet Ids { get; }

    /// <summary>Number of the open chunk; those below it are final.</summary>
    public int OpenChunk { get; set; }

    /// <summary>Users and ids of the open chunk and those that came since.</summary>
    public HashList TailUsers { get; }
    public HashList TailIds { get; }

    /// <summary>How many of the tail the changelog has in the open chunk.</summary>
    public int WrittenUsers { get; set; }
    public int WrittenIds { get; set; }

    /// <summary>What stands in the open chunk is not known here: it must not be written again.</summary>
    public bool LeavesOpenChunk { get; set; }

    /// <summary>Users in the hour's last sketch that was sent, and when that was, in ticks of the engine's clock; null since the start.</summary>
    public long SketchedUsers { get; set; }
    public long? SketchedAt { get; set; }

    /// <summary>Another sketch is on its way to be sent.</summary>
    public bool SketchWaits { get; set; }

    /// <summary>Set since the last commit: the changelog must be told / the counts that readers see changed.</summary>
    public bool Touched { get; set; }
    public bool CountsChanged { get; set; }

    /// <summary>Events since the last eviction, to tell hot hours from cold ones.</summary>
    public int Heat { get; set; }

    /// <summary>Bytes that evicting would free.</summary>
    public long Bytes => Users.Bytes + Ids.Bytes;

    public Seen AddUser(UInt128 user)
    {
        var seen = Users.Add(user);
        if (seen == Seen.New) TailUsers.Add(user);
        return seen;
    }

    public Seen AddId(UInt128 id)
    {
        var seen = Ids.Add(id);
        if (seen == Seen.New) TailIds.Add(id);
        return seen;
    }

    /// <summary>Forgets what the open chunk holds, which the changelog has: what comes next begins another.</summary>
    public void LeaveOpenChunk()
    {
        if (WrittenUsers + WrittenIds == 0) return;
        TailUsers.RemoveFirst(WrittenUsers);
        TailIds.RemoveFirst(WrittenIds);
        (WrittenUsers, WrittenIds) = (0, 0);
        // The number stays until something is written: while restoring, a newer version of the chunk may still come.
        LeavesOpenChunk = true;
    }

    /// <summary>Gives all memory back.</summary>
    public void Dispose()
    {
        Users.Dispose();
        Ids.Dispose();
        TailUsers.Dispose();
        TailIds.Dispose();
        _budget?.Take(-OwnBytes);
    }
}
