using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>Records of frames.progress: results of windows, and progress.</summary>
public sealed class FramePartialKind : IPartialKind<FramePartial>
{
    public PartialRecord<FramePartial> Read(string topic, FeedRecord record)
    {
        if (record.Value is null) return default;
        var key = record.Key ?? [];
        if (RecordKeys.IsProgress(key)) return PartialRecords.ReadProgress<FramePartial>(topic, record);
        PartialRecords.Refuse(topic, record, RecordTypes.FrameWindow);
        var window = PartialRecords.Parse(topic, record, FrameWindow.Parser);
        return key.AsSpan().SequenceEqual(RecordKeys.FrameWindow(window.Kind, window.Start)) && Valid(window)
            ? new PartialRecord<FramePartial>(new FramePartial(record.Partition, window), null)
            : throw PartialRecords.Damaged(topic, record);
    }

    public object Identity(FramePartial partial) => (partial.Window.Generation, partial.Window.Kind, partial.Window.Start);

    public int Partition(FramePartial partial) => partial.Partition;

    public long NextOffset(FramePartial partial) => partial.Window.Version;

    private static bool Valid(FrameWindow window) =>
        FrameWindowKinds.Names.Contains(window.Kind) && Enum.IsDefined(window.State) && double.IsFinite(window.StandardError)
        && window is { UniqueUsers: >= 0, Frames: >= 0, Generation: > 0, Version: > 0, StandardError: >= 0 } && window.End > window.Start;
}
