using Tally.LocalBroker.Protocol;

namespace Tally.Tests.Unit.LocalBroker.Fuzz;

/// <summary>Whatever bytes arrive, the decoder understands them or says that they are malformed, and its memory is bounded by what was sent.</summary>
public sealed class RequestFuzzTests
{
    // A one-byte count may announce as many elements as bytes follow; the largest element has 56 bytes. An exception takes a few KiB by itself.
    private const long BytesForEach = 64;
    private const long BytesBesides = 32 * 1024;

    [Test]
    public void A_frame_of_any_bytes_is_a_request_or_malformed()
    {
        TestContext.Progress.WriteLine($"request fuzz: seed {FuzzSettings.Seed}, {FuzzSettings.Count} frames");
        var source = new FrameSource(new Random(FuzzSettings.Seed));
        Assert.That(source.Barren, Is.EquivalentTo(new[] { "Produce 0", "Produce 1", "Produce 2" }), "every version that is served has valid frames to break");
        int understood = 0, malformed = 0, notOffered = 0;
        double worst = 0;
        for (int i = 0; i < FuzzSettings.Count; i++)
        {
            byte[] frame = source.Next();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                if (RequestDecoders.Decode(frame) >= 0)
                    understood++;
                else
                    notOffered++;
            }
            catch (MalformedRequestException)
            {
                malformed++;
            }
            catch (Exception e)
            {
                Assert.Fail($"frame {i}, {Convert.ToHexString(frame)}: {e}");
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            worst = Math.Max(worst, (allocated - BytesBesides) / (double)Math.Max(1, frame.Length));
            if (allocated > BytesBesides + (BytesForEach * frame.Length))
                Assert.Fail($"frame {i} of {frame.Length} bytes took {allocated} bytes: {Convert.ToHexString(frame)}");
        }

        TestContext.Progress.WriteLine(
            $"request fuzz: {understood} understood, {malformed} malformed, {notOffered} not offered; valid frames of {source.Depth:F0} bytes on average");
        Assert.That(understood, Is.GreaterThan(FuzzSettings.Count / 20), "the frames reach deep enough to be understood");
        Assert.That(malformed, Is.GreaterThan(FuzzSettings.Count / 20));
    }
}
