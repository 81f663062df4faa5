using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Hosting;

public sealed class InstanceFencingTests
{
    private readonly ManualTimeProvider _clock = new();

    [Test]
    public void Fenced_again_and_again_it_names_the_setting_that_two_processes_share()
    {
        var fencing = new InstanceFencing("Processor:Instance", "7", _clock);
        fencing.Add();
        fencing.Add();
        Assert.That(fencing.Add, Throws.TypeOf<ConfigurationException>().With.Message.EqualTo(
            "Another process runs with Processor:Instance=7 and has taken over: give every running instance a name of its own."));
    }

    [Test]
    public void Fenced_now_and_then_as_when_brokers_fail_it_says_nothing()
    {
        var fencing = new InstanceFencing("Processor:Instance", "7", _clock);
        for (var i = 0; i < 10; i++)
        {
            Assert.That(fencing.Add, Throws.Nothing);
            _clock.Advance(InstanceFencing.Window / 2 + TimeSpan.FromSeconds(1));
        }
    }
}
