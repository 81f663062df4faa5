namespace Tally.ProcessorService.State.Runs;

public sealed partial class RunStore
{
    /// <summary>A leaf with this many runs is merged.</summary>
    private const int MergeAt = 4;

    /// <summary>Takes over merges that are done and begins those that are due.</summary>
    /// <exception cref="InvalidDataException">A merge met damage.</exception>
    public void Maintain()
    {
        for (var i = 0; i < _leaves.Count; i++)
            if (_leaves[i].Merge is { IsDone: true }) Install(_leaves[i]);
        foreach (var leaf in _leaves)
        {
            if (leaf.Merge is not null) continue;
            if (leaf.Runs.Count >= MergeAt) BeginMerge(leaf, FirstToMerge(leaf), leaf.Runs.Count);
            else if (leaf.Runs.FindIndex(run => run.Dead * 2L > run.Count) is >= 0 and var at) BeginMerge(leaf, at, at + 1);
        }
    }

    /// <summary>The leaf's own merge must not move it while something is added.</summary>
    internal void WaitForSplit(Leaf leaf)
    {
        if (leaf.Merge is not { Splits: true } merge) return;
        merge.Wait();
        Install(leaf);
    }

    /// <summary>From the newest back, as long as the next is not much larger than all before it: each hash is rewritten a few times only.</summary>
    private static int FirstToMerge(Leaf leaf)
    {
        var from = leaf.Runs.Count - 2;
        var sum = (long)leaf.Runs[^1].Count + leaf.Runs[from].Count;
        while (from > 0 && leaf.Runs[from - 1].Count <= 2 * sum) sum += leaf.Runs[--from].Count;
        return from;
    }

    private void BeginMerge(Leaf leaf, int from, int to)
    {
        var inputs = leaf.Runs[from..to];
        if (!_mayMerge(inputs.Sum(run => run.FileBytes)))
        {
            WaitsForSnapshot = PinnedBytes > 0;
            return;
        }
        var count = inputs.Sum(run => (long)run.Count - run.Dead);
        // Only the whole leaf can be split: runs that are left out would reach over the border.
        var pieces = inputs.Count == leaf.Runs.Count && count > _splitAt ? (int)((count / (_splitAt * 5L / 8)) + 1) : 1;
        leaf.Merge = new RunMerge(_files, _directory, inputs, [.. Enumerable.Range(0, pieces).Select(_ => NewName())], _dead.ToHashSet());
        _worker.Start(leaf.Merge);
    }

    private void Install(Leaf leaf)
    {
        using var merge = leaf.Merge!;
        leaf.Merge = null;
        if (merge.Fault is { } fault) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        var at = leaf.Runs.IndexOf(merge.Inputs[0]);
        leaf.Runs.RemoveRange(at, merge.Inputs.Count);
        for (var i = 0; i < merge.Outputs.Count; i++)
        {
            var (first, run) = merge.Outputs[i];
            run.Dead = DeadIn(run);
            Count(run, 1);
            if (i == 0)
            {
                leaf.Runs.Insert(at, run);
                continue;
            }
            var next = new Leaf(first);
            next.Runs.Add(run);
            _leaves.Insert(_leaves.IndexOf(leaf) + i, next);
        }
        foreach (var run in merge.Inputs) Drop(run);
    }
}
