using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>Which generation readers use.</summary>
public sealed partial class SinkSession<T>
{
    private bool _pointed;

    /// <summary>A rebuilt generation is what readers use as soon as it is not behind the one before.</summary>
    private void PointReaders(SinkBatch<T> batch)
    {
        if (_sink.Generation == 1 || _pointed || batch.Progress.All(progress => progress.Generation < _sink.Generation)) return;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_hurry);
        limit.CancelAfter(_sink.WriteTimeout);
        _pointed = _sink.Store.TryPointAsync(_sink.Generation, limit.Token).GetAwaiter().GetResult();
        if (_pointed) Pointed(_logger, _sink.Name, _sink.Generation);
    }
}
