using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>Unique users over several hours: exact where no user can be in two of them, else estimated.</summary>
/// <param name="Users">How many.</param>
/// <param name="Exact">Not estimated.</param>
/// <param name="StandardError">Relative to the truth; 0 when exact.</param>
/// <param name="Pending">
/// Users of the hours in the counts less those in the sketches, as each was read: once writing is still, at most so many more. Counts and sketches are written and
/// read apart, so meanwhile a sketch ahead of its count can hide what another lacks.
/// </param>
public readonly record struct UserEstimate(long Users, bool Exact, double StandardError, long Pending)
{
    /// <summary>Adds up partitions, whose users are others': so are the errors of their estimates.</summary>
    public static UserEstimate Sum(IEnumerable<SpanUsers> partitions)
    {
        var (users, exact, variance, pending) = (0L, true, 0.0, 0L);
        foreach (var partition in partitions)
        {
            // Nobody was in two hours.
            if (partition.BusyHours <= 1)
            {
                users += partition.HourUsers;
                continue;
            }
            // The truth lies between these, so nothing beyond them can be nearer.
            var estimate = Math.Clamp(partition.Estimate, partition.MostUsers, partition.HourUsers);
            users += estimate;
            exact = false;
            // One without any sketch yet has no error of its own; how much it lacks is told beside it.
            variance += Math.Pow(Math.Max(partition.StandardError, HyperLogLog.SparseStandardError) * estimate, 2);
            pending += Math.Max(0, partition.HourUsers - partition.SketchedUsers);
        }
        return new UserEstimate(users, exact, users == 0 ? 0 : Math.Sqrt(variance) / users, pending);
    }
}
