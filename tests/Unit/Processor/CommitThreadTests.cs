using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Processor;

public sealed class CommitThreadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(100);

    [Test]
    public async Task A_commit_that_does_not_come_back_ends_the_session_and_is_left_behind_until_it_does()
    {
        using var comes = new ManualResetEvent(false);
        var cleared = new TaskCompletionSource();
        var commits = new CommitThread(TimeProvider.System, cleared.SetResult);
        var underWay = commits.Begin(() => comes.WaitOne(), Limit);

        Assert.That(underWay.End, Throws.TypeOf<CorruptedException>().With.Message.Contains("left behind"));
        commits.Dispose();
        Assert.That((commits.IsStuck, cleared.Task.IsCompleted), Is.EqualTo((true, false)), "what it uses is let alone");
        comes.Set();
        await cleared.Task.WaitAsync(Eventually.Patience);
    }

    [Test]
    public void What_a_commit_throws_comes_out_of_its_end()
    {
        using var commits = new CommitThread(TimeProvider.System, leftBehind: () => { });
        Assert.That(commits.Begin(() => throw new MigratedException("fenced"), Limit).End, Throws.TypeOf<MigratedException>());
        Assert.That(commits.IsStuck, Is.False);
    }
}
