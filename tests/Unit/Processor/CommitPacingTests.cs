using Tally.ProcessorService.Engine;

namespace Tally.Tests.Unit.Processor;

public sealed class CommitPacingTests
{
    private readonly CommitPacing _pacing = new(new ProcessorOptions { BacklogCommitRecords = 1_000 });

    [TestCase(0, 5_000, true, false, Description = "nothing to commit")]
    [TestCase(1, 99, true, false, Description = "too early")]
    [TestCase(1, 100, true, true, Description = "following closely")]
    [TestCase(500, 100, false, false, Description = "more is waiting")]
    [TestCase(500, 999, false, false)]
    [TestCase(500, 1_000, false, true, Description = "backlog, long enough")]
    [TestCase(1_000, 1, false, true, Description = "backlog, many enough")]
    public void A_commit_is_due(int records, int sinceFirstMs, bool drained, bool due) =>
        Assert.That(_pacing.IsDue(TimeSpan.FromMilliseconds(sinceFirstMs), records, drained), Is.EqualTo(due));

    [TestCase(0, 0, false, 30, 30, Description = "idle: until the heartbeat")]
    [TestCase(0, 0, false, 900, 100, Description = "idle: never so long that a stop would wait")]
    [TestCase(0, 0, false, -5, 0, Description = "heartbeat overdue")]
    [TestCase(5, 40, false, 900, 60, Description = "until the commit")]
    [TestCase(5, 400, false, 900, 0, Description = "commit overdue")]
    [TestCase(5, 400, true, 900, 100, Description = "dry in the middle of a backlog: no turn without pause")]
    [TestCase(5, 970, true, 900, 30, Description = "dry in the middle of a backlog: until the commit")]
    public void The_reader_waits(int records, int sinceFirstMs, bool behind, int untilHeartbeatMs, int expectedMs) =>
        Assert.That(
            _pacing.Wait(TimeSpan.FromMilliseconds(sinceFirstMs), records, behind, TimeSpan.FromMilliseconds(untilHeartbeatMs)),
            Is.EqualTo(TimeSpan.FromMilliseconds(expectedMs)));
}
