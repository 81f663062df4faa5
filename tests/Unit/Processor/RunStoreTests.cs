using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Runs;

namespace Tally.Tests.Unit.Processor;

/// <summary>Runs in leaves against plain sets.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RunStoreTests : IDisposable
{
    private const string Folder = "state";

    private readonly MemoryFiles _files = new();
    private readonly StateBudget _budget = new(long.MaxValue);
    private readonly Dictionary<long, HashSet<UInt128>> _oracle = [];
    private readonly long[] _sets = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    private RunStore _store;

    public RunStoreTests() => _store = NewStore();

    public void Dispose() => _store.Dispose();

    [Test]
    public void Whatever_is_saved_merged_split_and_forgotten_it_holds_what_plain_sets_hold([Range(1, 25)] int seed)
    {
        var random = new Random(seed);
        for (var step = random.Next(5, 40); step > 0; step--)
        {
            Save(random, random.Next(1, 120));
            if (random.Next(6) == 0) Forget(random.Next(_sets.Length));
            _store.Maintain();
            AssertSame(random, $"seed {seed}");
        }
        Assert.That(_store.Leaves.Select(leaf => leaf.Runs.Count), Has.All.LessThan(5), "merging keeps up");
    }

    [Test]
    public void A_set_forgotten_before_a_merge_gets_its_turn_takes_no_other_hash_with_it()
    {
        var worker = new LateWorker();
        _store.Dispose();
        _store = NewStore(worker);
        var random = new Random(5);
        for (var i = 0; i < 4; i++) Save(random, 30);
        _store.Maintain();
        Assert.That(worker.Waiting, Is.EqualTo(1));
        Forget(3);
        worker.Work();
        _store.Maintain();
        AssertSame(random, "merged");
    }

    [Test]
    public void A_hash_that_waits_to_be_looked_up_is_not_new_when_a_merge_has_made_the_filters_sharper()
    {
        var random = new Random(6);
        using var set = new HourSet(_sets[0], _budget, _store);
        set.BeginOnDisk(1);
        UInt128[] asked = [];
        for (var i = 0; i < 4; i++)
        {
            Save(random, 30);
            if (i == 3) asked = [.. Enumerable.Range(0, 10_000).Select(_ => Hash(random)).Where(hash => set.Add(hash) == Seen.Unsettled)];
        }
        _store.Maintain();
        _store.Maintain();
        Assert.That(asked, Has.Some.Matches<UInt128>(hash => !_store.MayContain(_sets[0], hash)), "the merge changed the filters");
        Assert.That(asked.Select(set.Add), Has.All.EqualTo(Seen.UnsettledBefore));
    }

    [Test]
    public void What_was_saved_is_there_after_a_reload_and_files_of_before_are_gone()
    {
        var random = new Random(1);
        for (var step = 0; step < 30; step++)
        {
            Save(random, 100);
            _store.Maintain();
            if (step % 7 == 0) _store.PinAll();
        }
        while (_store.Leaves.Any(leaf => leaf.Merge is not null)) _store.Maintain();
        _store.PinAll();
        var leaves = _store.Leaves
            .Select(leaf => (leaf.Low, (IReadOnlyList<(string, uint)>)[.. leaf.Runs.Select(run => (run.Name, run.Index.FileCrc))])).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(leaves, Has.Count.GreaterThan(10));
            Assert.That(_files.Paths, Has.Exactly(leaves.Sum(leaf => leaf.Item2.Count)).Items, "no file that nobody needs");
            Assert.That(_store.PinnedBytes, Is.Zero);
        });
        _store.Dispose();
        Assert.That(_budget.Used, Is.Zero);
        _store = NewStore();
        _store.Load(leaves, _ => true);
        AssertSame(random, "reloaded");
        Save(random, 100);
        AssertSame(random, "went on");
    }

    [Test]
    public void Every_flipped_bit_of_a_run_is_found_before_anything_is_told_of_it()
    {
        Save(new Random(2), 700);
        var run = _store.Leaves.SelectMany(leaf => leaf.Runs).Single();
        var path = Path.Combine(Folder, run.Name);
        _store.Dispose();
        for (var at = 0; at < _files[path].Count; at += 7)
        {
            _files[path][at] ^= 4;
            Assert.That(
                () =>
                {
                    using var opened = new Run(_files, Folder, run.Name);
                    var cursor = new RunCursor(opened, 0, opened.Count);
                    while (cursor.Next())
                    {
                    }
                },
                Throws.TypeOf<InvalidDataException>(), $"byte {at}");
            _files[path][at] ^= 4;
        }
        _store = NewStore();
    }

    [Test]
    public void A_filter_is_wrong_about_a_hash_in_fifty_at_most_and_never_about_one_it_holds()
    {
        var random = new Random(3);
        using var filter = new HashFilter(100_000);
        var held = Enumerable.Range(0, 100_000).Select(_ => HashFilter.Key(5, Hash(random))).ToList();
        held.ForEach(filter.Add);
        var wrong = Enumerable.Range(0, 100_000).Count(_ => filter.MayContain(HashFilter.Key(5, Hash(random))));
        Assert.Multiple(() =>
        {
            Assert.That(held.All(filter.MayContain), Is.True);
            Assert.That(wrong, Is.LessThan(2_000));
        });
    }

    [Test]
    public void A_save_that_fails_leaves_the_store_as_it_was([Range(1, 15)] int failing)
    {
        var random = new Random(4);
        for (var i = 0; i < 12; i++)
        {
            Save(random, 100);
            _store.Maintain();
        }
        var steps = 0;
        _files.Step = step =>
        {
            // A file that cannot be removed is no fault of a save.
            if (step != "delete" && ++steps == failing) throw new IOException("no space left");
        };
        Assert.That(() => Save(random, 300, onlyTry: true), Throws.TypeOf<IOException>());
        _files.Step = _ => { };
        AssertSame(random, "after the failure");
    }

    private RunStore NewStore(IStateWorker? worker = null) => new(_files, Folder, _budget, worker ?? new InlineWorker(), splitAt: 150);

    private void Save(Random random, int count, bool onlyTry = false)
    {
        var fresh = new SortedDictionary<long, SortedSet<UInt128>>();
        for (; count > 0; count--)
        {
            var (set, hash) = (_sets[random.Next(_sets.Length)], random.Next(3) == 0 ? (UInt128)random.Next(500) : Hash(random));
            if (_oracle.GetValueOrDefault(set)?.Contains(hash) == true) continue;
            if (!fresh.TryGetValue(set, out var hashes)) fresh.Add(set, hashes = []);
            hashes.Add(hash);
        }
        using var save = _store.BeginSave([.. fresh.Select(pair => (pair.Key, pair.Value.Count))]);
        foreach (var (set, hashes) in fresh) save.Add(set, hashes.ToArray());
        save.Finish();
        if (onlyTry) return;
        foreach (var (set, hashes) in fresh)
        {
            if (!_oracle.TryGetValue(set, out var known)) _oracle.Add(set, known = []);
            known.UnionWith(hashes);
        }
    }

    /// <summary>The set is dropped; its number never comes back.</summary>
    private void Forget(int at)
    {
        _oracle.Remove(_sets[at]);
        _store.Forget([_sets[at]]);
        _sets[at] += 10;
    }

    private void AssertSame(Random random, string why)
    {
        foreach (var (set, known) in _oracle)
        {
            UInt128[] asked = [.. known.Concat(Enumerable.Range(0, 30).Select(_ => Hash(random))).Concat(Enumerable.Range(0, 20).Select(n => (UInt128)n)).Distinct().Order()];
            var found = new bool[asked.Length];
            _store.Find(set, asked, found);
            Assert.That(asked.Where((_, i) => found[i]), Is.EquivalentTo(known), $"{why}, set {set}");
            Assert.That(known.All(hash => _store.MayContain(set, hash)), Is.True, why);
            Assert.That(_store.Read(set), Is.EquivalentTo(known), $"{why}, set {set}");
        }
    }

    private static UInt128 Hash(Random random) => new((ulong)random.NextInt64(long.MinValue, long.MaxValue), (ulong)random.NextInt64(long.MinValue, long.MaxValue));

    /// <summary>Works when told to: on a thread of its own a merge may begin much later than it was asked for.</summary>
    private sealed class LateWorker : IStateWorker
    {
        private readonly Queue<StateWork> _waiting = [];

        public int Waiting => _waiting.Count;

        public void Start(StateWork work) => _waiting.Enqueue(work);

        public void Work()
        {
            while (_waiting.TryDequeue(out var work)) work.Execute();
        }
    }
}
