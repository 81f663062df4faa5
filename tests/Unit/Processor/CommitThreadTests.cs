using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;

namespace Tally.Tests.Unit.Processor;

public sealed class CommitThreadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(100);

    [Test]
    public void A_commit_that_never_comes_back_ends_the_session_and_is_left_behind()
    {
        using var never = new ManualResetEvent(false);
        using var commits = new CommitThread(TimeProvider.System);
        var underWay = commits.Begin(() => never.WaitOne(), Limit);

        Assert.That(underWay.End, Throws.TypeOf<CorruptedException>().With.Message.Contains("left behind"));
        Assert.That(commits.IsStuck, "then disposing it waits for nothing");
    }

    [Test]
    public void What_a_commit_throws_comes_out_of_its_end()
    {
        using var commits = new CommitThread(TimeProvider.System);
        Assert.That(commits.Begin(() => throw new MigratedException("fenced"), Limit).End, Throws.TypeOf<MigratedException>());
        Assert.That(commits.IsStuck, Is.False);
    }
}
