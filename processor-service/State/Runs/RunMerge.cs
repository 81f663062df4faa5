using Tally.ProcessorService.State.Files;

namespace Tally.ProcessorService.State.Runs;

/// <summary>Makes one run of several of a leaf; where all are merged and they are many, several runs that follow each other.</summary>
public sealed class RunMerge : StateWork
{
    private readonly IStateFiles _files;
    private readonly string _directory;
    private readonly string[] _names;
    private readonly IReadOnlySet<long> _dead;
    private readonly long _count;

    /// <param name="files">Where the runs lie.</param>
    /// <param name="directory">Their folder.</param>
    /// <param name="inputs">Neighbours in a leaf; must stay open until it is done.</param>
    /// <param name="names">Names of the files to be made; the hashes are spread over them evenly.</param>
    /// <param name="dead">Sets to be left out.</param>
    public RunMerge(IStateFiles files, string directory, IReadOnlyList<Run> inputs, string[] names, IReadOnlySet<long> dead)
    {
        (_files, _directory, _names, _dead) = (files, directory, names, dead);
        Inputs = inputs;
        // Now, as the sets that are dead now: more may die before its turn comes, and those are copied all the same.
        _count = inputs.Sum(run => (long)run.Count - run.Dead);
    }

    public IReadOnlyList<Run> Inputs { get; }

    /// <summary>What was made, in order, with the key each begins with. Empty when it was cancelled or failed.</summary>
    public IReadOnlyList<(RunKey First, Run Run)> Outputs => _outputs;

    /// <summary>It makes leaves of its leaf: nothing may be added to that until it is done.</summary>
    public bool Splits => _names.Length > 1;

    private readonly List<(RunKey First, Run Run)> _outputs = [];

    /// <summary>Gives back what was made but will not be used.</summary>
    public void Discard()
    {
        foreach (var (_, run) in _outputs) run.Dispose();
        _outputs.Clear();
    }

    protected override void Run()
    {
        try
        {
            Merge();
            if (IsCancelled) Discard();
        }
        catch
        {
            Discard();
            throw;
        }
    }

    private void Merge()
    {
        var cursors = Inputs.Select(run => new RunCursor(run, 0, run.Count, _dead)).Where(cursor => cursor.Next()).ToList();
        var left = _count;
        for (var i = 0; i < _names.Length && cursors.Count > 0 && !IsCancelled; i++)
        {
            var count = left / (_names.Length - i);
            left -= count;
            Write(_names[i], count, cursors);
        }
    }

    private void Write(string name, long count, List<RunCursor> cursors)
    {
        using var writer = new RunWriter(_files, Path.Combine(_directory, name), count);
        var least = Least(cursors);
        var first = new RunKey(least.Set, least.Hash);
        while (writer.Count < count && !IsCancelled)
        {
            writer.Append(least.Set, least.Hash);
            if (!least.Next()) cursors.Remove(least);
            if (cursors.Count == 0) break;
            least = Least(cursors);
        }
        if (IsCancelled) return;
        var index = writer.Finish();
        writer.Dispose();
        _outputs.Add((first, new Run(_files, _directory, name, index)));
    }

    private static RunCursor Least(List<RunCursor> cursors)
    {
        var least = cursors[0];
        for (var i = 1; i < cursors.Count; i++)
            if (cursors[i].IsBefore(least)) least = cursors[i];
        return least;
    }
}
