using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>A window's last result.</summary>
/// <param name="Partition">Of the topic it came through.</param>
/// <param name="Window">The result.</param>
public sealed record FramePartial(int Partition, FrameWindow Window);
