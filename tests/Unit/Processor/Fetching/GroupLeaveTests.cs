using Tally.ProcessorService.Engine.Kafka.Wire;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Unit.Processor.Fetching;

public sealed class GroupLeaveTests
{
    [Test]
    public async Task A_broker_behind_the_last_of_a_names_addresses_is_found()
    {
        await using var broker = await TestBroker.StartAsync();
        // It listens on 127.0.0.1 alone; where the name stands for ::1 too, that comes first.
        var leave = new GroupLeave($"localhost:{broker.BootstrapServers.Split(':')[1]}", "test");

        Assert.That(leave.Leave("group", "member", "instance", Eventually.Promptly), Does.Contain("UnknownMemberId"));
    }

    [Test]
    public void Where_nobody_listens_it_says_so_within_its_limit() =>
        Assert.That(new GroupLeave($"localhost:{FreePort.Next()}", "test").Leave("group", "member", "instance", TimeSpan.FromMilliseconds(200)), Does.StartWith("localhost:"));
}
