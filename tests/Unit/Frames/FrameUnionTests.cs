using Tally.ProcessorService.Jobs.Frames;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Frames;

public sealed class FrameUnionTests
{
    [Test]
    public void When_nothing_more_comes_the_time_of_day_moves_the_watermark_as_if_frames_still_came([Values(0, 70, 500, 950)] int partOfSecond)
    {
        var folder = Directory.CreateTempSubdirectory("tally-frames-");
        var time = new ManualTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_000_000_000_000 + partOfSecond));
        using (var union = new FrameUnion(new FrameRules(), 1, new WindowFiles(Path.Combine(folder.FullName, "frames")), "results", time))
        {
            union.Join(0);
            // A frame of now, whose ts is cut to the second.
            union.Times.Read(0, 1_000_000_000);
            union.SawFrame(time.NowMs);
            union.Times.ReachedEnd(0);
            for (var look = 0; look < 200; look++)
            {
                // There are no windows: nobody is told anything.
                union.Emit(null!, 1);
                Assert.That(union.Windows.Watermark, Is.EqualTo(time.NowMs / 1000), $"at {time.NowMs}");
                time.Advance(TimeSpan.FromMilliseconds(90));
            }
        }
        folder.Delete(recursive: true);
    }
}
