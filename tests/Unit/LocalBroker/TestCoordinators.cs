using Tally.LocalBroker.Coordinators;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker;

/// <summary>Everything of a broker but its sockets, under a clock of its own. Topic "t" has two partitions.</summary>
internal sealed class TestCoordinators : IAsyncDisposable
{
    public const string Topic = "t";
    private readonly string _folder = Directory.CreateTempSubdirectory("tally-coordinators-").FullName;
    private readonly FlushPolicy _policy;
    private BrokerState _state;

    public TestCoordinators(FlushPolicy policy = FlushPolicy.Never)
    {
        _policy = policy;
        _state = Open();
        _state.Topics.Create(Topic, 2, new Dictionary<string, string>(), validateOnly: false);
    }

    public ManualTime Time { get; } = new();

    public FaultyDisk Disk { get; } = new();

    public RecordingLog Lines { get; } = new();

    public BrokerState State => _state;

    public GroupCoordinator Groups => _state.Groups;

    public TransactionCoordinator Transactions => _state.Transactions;

    public string Folder => _folder;

    public PartitionLog Log(int partition) => _state.Topics.Find(Topic, partition)!;

    public async Task ReopenAsync(Action? whileClosed = null)
    {
        await _state.DisposeAsync();
        whileClosed?.Invoke();
        _state = Open();
    }

    public ValueTask<(ErrorCode Error, long ProducerId, short Epoch)> InitAsync(string id = "tx", int timeoutMs = 10_000, long producerId = -1, short epoch = -1) =>
        Transactions.InitAsync(new Key22InitProducerId.Request(id, timeoutMs, producerId, epoch));

    public ErrorCode Add(long producerId, short epoch, int partition = 0, string id = "tx", short version = 0) =>
        Transactions.AddPartitions(new Key24AddPartitionsToTxn.Request(id, producerId, epoch, [new TopicPartitions(Topic, [partition])]), version)[0].Partitions[0].Error;

    public ErrorCode Append(long producerId, short epoch, int sequence, int partition = 0, string id = "tx")
    {
        byte[] batch = new TestBatch { ProducerId = producerId, Epoch = epoch, Sequence = sequence, Transactional = true }.Build();
        return Transactions.Append(id, Log(partition), batch, BatchHeader.Read(batch)).Error;
    }

    public async Task<ErrorCode> End(long producerId, short epoch, bool commit, string id = "tx", short version = 1) =>
        await Transactions.EndAsync(new Key26EndTxn.Request(id, producerId, epoch, commit), version);

    public ErrorCode StageOffset(long producerId, short epoch, long offset, string group = "g", int generation = -1, string member = "") =>
        Transactions.CommitOffsets(new Key28TxnOffsetCommit.Request("tx", group, producerId, epoch, generation, member, null,
            [new TopicOffsets(Topic, [new OffsetToCommit(0, offset, -1, null)])]))[0].Partitions[0].Error;

    public (long Offset, ErrorCode Error) Committed(bool stable = false, string group = "g")
    {
        Key09OffsetFetch.PartitionResult found = Groups.FetchOffsets(new Key09OffsetFetch.Request(group, [new TopicPartitions(Topic, [0])], stable))[0].Partitions[0];
        return (found.Offset, found.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _state.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private BrokerState Open() => new(new LocalBrokerOptions { DataDirectory = _folder, TimeProvider = Time, Flush = _policy, Disk = Disk, LoggerFactory = Lines });
}
