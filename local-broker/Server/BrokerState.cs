using Tally.LocalBroker.Coordinators;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>Everything that handlers work on.</summary>
internal sealed class BrokerState : IAsyncDisposable
{
    private readonly DataFolder _folder;

    public BrokerState(LocalBrokerOptions options)
    {
        Options = options;
        ILogger log = options.LoggerFactory.CreateLogger("Tally.LocalBroker");
        _folder = new DataFolder(options.DataDirectory);
        try
        {
            Flush = new FlushScheduler(options.Flush, options.FlushInterval, options.TimeProvider, log);
            var context = new StorageContext(Flush, options.Recovery, options.TimeProvider, log, options.Disk);
            Topics = new TopicCatalog(_folder.Path, context);
            CheckJournals();
            Groups = new GroupCoordinator(_folder.In("groups"), options, Topics, context);
            var producerIds = new ProducerIds(_folder.In("producer-ids"), Flush.FlushesMetadata, log);
            Transactions = new TransactionCoordinator(_folder.In("transactions"), options, Topics, Groups, producerIds, context);
            producerIds.StartAbove(Topics.All.Values.SelectMany(t => t.Partitions).Select(p => p.LargestProducerId).Append(Transactions.LargestProducerId).Max());
        }
        catch
        {
            _folder.Dispose();
            throw;
        }
    }

    public LocalBrokerOptions Options { get; }

    public FlushScheduler Flush { get; }

    public TopicCatalog Topics { get; }

    public GroupCoordinator Groups { get; }

    public TransactionCoordinator Transactions { get; }

    /// <summary>Id of the only node.</summary>
    public static int NodeId => 1;

    /// <summary>Address told to clients.</summary>
    public string Host => Options.AdvertisedHost ?? Options.Host;

    public int Port { get; set; }

    /// <summary>
    /// Completes when what the coordinators stored before the call is as durable as the flush policy promises; false when it is not and must not be
    /// acknowledged.
    /// </summary>
    public async ValueTask<bool> IsDurableAsync() => await Flush.WhenDurableAsync() || !(Groups.HasFailed || Transactions.HasFailed);

    // Both are there from the first start on, before there can be a topic: without them offsets and decisions of transactions would be lost in silence.
    private void CheckJournals()
    {
        foreach (string name in new[] { "groups", "transactions" })
        {
            if (Topics.All.Count > 0 && !File.Exists(_folder.In(name)) && Options.Recovery == RecoveryMode.Refuse)
                throw new DataFolderException($"{_folder.In(name)} is missing although there are topics. Put it back, or start with --repair to go on without what it held.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Groups.Dispose();
        Transactions.Dispose();
        await Flush.DisposeAsync();
        foreach (PartitionLog log in Topics.All.Values.SelectMany(t => t.Partitions))
        {
            try
            {
                log.Checkpoint(everything: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next start walks the log instead.
            }
        }

        Topics.Dispose();
        _folder.Dispose();
    }
}
