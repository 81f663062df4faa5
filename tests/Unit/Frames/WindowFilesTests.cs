using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Tests.Unit.Frames;

public sealed class WindowFilesTests
{
    [Test]
    public void A_folder_that_cannot_be_made_is_named_and_waited_for_as_a_full_disk_is() =>
        Assert.That(() => new WindowFiles("/proc/tally/frames"), Throws.TypeOf<LocalStateException>().With.Message.Contains("/proc/tally/frames cannot be used").And.Message.Contains("State:Directory"));
}
