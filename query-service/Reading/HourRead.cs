namespace Tally.QueryService.Reading;

/// <summary>A read of an hour that is under way; everybody who needs one waits for this one.</summary>
public sealed class HourRead
{
    private readonly TaskCompletionSource<RememberedAnswer?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<RememberedAnswer?> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the sources said; null when none could answer.</summary>
    public Task<RememberedAnswer?> Ended => _ended.Task;

    /// <summary>As <see cref="Ended"/>, or the last answer once more when the sources take too long.</summary>
    public Task<RememberedAnswer?> Answered => _answered.Task;

    /// <summary>The sources take too long: until the end the last answer is given. Changed under the entry's lock.</summary>
    public bool IsOverdue { get; private set; }

    public void GiveMeanwhile(RememberedAnswer last)
    {
        IsOverdue = true;
        _answered.TrySetResult(last);
    }

    public void End(RememberedAnswer? answer)
    {
        _ended.SetResult(answer);
        _answered.TrySetResult(answer);
    }

    public void Fail(Exception e)
    {
        _ended.SetException(e);
        _answered.TrySetException(e);
        // A read ahead has nobody who waits for it.
        _ = (_ended.Task.Exception, _answered.Task.Exception);
    }
}
