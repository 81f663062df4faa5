using System.Collections.Immutable;
using System.Globalization;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// All topics and the cluster's id. Looking up takes no lock; changes are serialised, stored, and only then seen. The catalog file is the truth:
/// a folder it does not know is left over from a deletion that a crash cut short.
/// </summary>
internal sealed partial class TopicCatalog : IDisposable
{
    private const byte Version = 1;
    private const string TopicsFolder = "topics";
    private readonly Lock _changes = new();
    private readonly string _path;
    private readonly string _topicsPath;
    private readonly StorageContext _context;
    private volatile ImmutableDictionary<string, Topic> _topics = ImmutableDictionary.Create<string, Topic>(StringComparer.Ordinal);

    public TopicCatalog(string dataDirectory, StorageContext context)
    {
        _context = context;
        _path = Path.Combine(dataDirectory, "catalog");
        _topicsPath = Path.Combine(dataDirectory, TopicsFolder);
        Directory.CreateDirectory(_topicsPath);
        ClusterId = Load();
        if (!File.Exists(_path))
            Store(_topics);
    }

    public string ClusterId { get; }

    public IReadOnlyDictionary<string, Topic> All => _topics;

    public Topic? Find(string name) => _topics.GetValueOrDefault(name);

    public PartitionLog? Find(string topic, int partition) => Find(topic)?.Find(partition);

    public static bool IsValidName(string name) =>
        name.Length is > 0 and <= 249 && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    public (ErrorCode Error, string? Message) Create(string name, int partitions, IReadOnlyDictionary<string, string> settings, bool validateOnly)
    {
        if (!IsValidName(name))
            return (ErrorCode.InvalidTopic, "A topic's name is up to 249 letters, digits, '.', '_' or '-'.");
        if (partitions is < 1 or > 10_000)
            return (ErrorCode.InvalidPartitions, "The number of partitions must be between 1 and 10000.");
        if (LogConfig.TryParse(settings, out string? problem) is not { } config)
            return (ErrorCode.InvalidConfig, problem);
        lock (_changes)
        {
            if (_topics.ContainsKey(name))
                return (ErrorCode.TopicAlreadyExists, $"Topic '{name}' already exists.");
            return validateOnly ? (ErrorCode.None, null) : Try(() => Publish(_topics.Add(name, Open(name, partitions, settings, config))));
        }
    }

    public ErrorCode Delete(string name)
    {
        lock (_changes)
        {
            if (_topics.GetValueOrDefault(name) is not { } topic)
                return ErrorCode.UnknownTopicOrPartition;
            (ErrorCode error, _) = Try(() => Publish(_topics.Remove(name)));
            if (error != ErrorCode.None)
                return error;
            foreach (PartitionLog partition in topic.Partitions)
                partition.Dispose();
            // The topic is gone whatever becomes of its folder: what is left of it goes at the next start or with the next topic of that name.
            Try(() => Directory.Delete(Path.Combine(_topicsPath, name), recursive: true));
            return ErrorCode.None;
        }
    }

    public (ErrorCode Error, string? Message) AddPartitions(string name, int count, bool validateOnly)
    {
        lock (_changes)
        {
            if (_topics.GetValueOrDefault(name) is not { } topic)
                return (ErrorCode.UnknownTopicOrPartition, null);
            if (count <= topic.Partitions.Count || count > 10_000)
                return (ErrorCode.InvalidPartitions, $"Topic currently has {topic.Partitions.Count} partitions, which is not less than the requested {count}.");
            if (validateOnly)
                return (ErrorCode.None, null);
            IEnumerable<int> added = Enumerable.Range(topic.Partitions.Count, count - topic.Partitions.Count);
            return Try(() => Publish(_topics.SetItem(
                name, topic with { Partitions = [.. topic.Partitions, .. added.Select(i => OpenPartition(name, i, topic.Config))] })));
        }
    }

    /// <summary>Replaces a topic's settings by what <paramref name="change"/> makes of them.</summary>
    public (ErrorCode Error, string? Message) Configure(string name, Func<Dictionary<string, string>, (ErrorCode Error, string Message)?> change, bool validateOnly)
    {
        lock (_changes)
        {
            if (_topics.GetValueOrDefault(name) is not { } topic)
                return (ErrorCode.UnknownTopicOrPartition, $"The topic '{name}' does not exist.");
            var settings = new Dictionary<string, string>(topic.Settings, StringComparer.Ordinal);
            if (change(settings) is { } refused)
                return refused;
            if (LogConfig.TryParse(settings, out string? problem) is not { } config)
                return (ErrorCode.InvalidConfig, problem);
            if (validateOnly)
                return (ErrorCode.None, null);
            return Try(() =>
            {
                Publish(_topics.SetItem(name, topic with { Settings = settings, Config = config }));
                foreach (PartitionLog partition in topic.Partitions)
                    partition.Config = config;
            });
        }
    }

    public void Dispose()
    {
        foreach (PartitionLog partition in _topics.Values.SelectMany(t => t.Partitions))
            partition.Dispose();
    }

    // A full disk is the client's to hear about; the broker goes on.
    private (ErrorCode Error, string? Message) Try(Action change)
    {
        try
        {
            change();
            return (ErrorCode.None, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogChangeFailed(_context.Log, e);
            return (ErrorCode.KafkaStorageError, "The data folder could not be written.");
        }
    }

    private Topic Open(string name, int partitions, IReadOnlyDictionary<string, string> settings, LogConfig config)
    {
        // A folder of that name belongs to an earlier topic whose deletion a crash cut short.
        string folder = Path.Combine(_topicsPath, name);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        return new Topic(name, settings, config, [.. Enumerable.Range(0, partitions).Select(i => OpenPartition(name, i, config))]);
    }

    private PartitionLog OpenPartition(string name, int partition, LogConfig config) =>
        new(name, partition, PartitionFolder(name, partition), config, _context);

    private string PartitionFolder(string name, int partition) => Path.Combine(_topicsPath, name, partition.ToString(CultureInfo.InvariantCulture));

    private void Publish(ImmutableDictionary<string, Topic> topics)
    {
        Store(topics);
        _topics = topics;
    }

    private void Store(ImmutableDictionary<string, Topic> topics)
    {
        using var writer = new WireWriter();
        writer.WriteString(ClusterId);
        writer.WriteArrayLength(topics.Count);
        foreach (Topic topic in topics.Values)
        {
            writer.WriteString(topic.Name);
            writer.WriteInt32(topic.Partitions.Count);
            writer.WriteArrayLength(topic.Settings.Count);
            foreach ((string key, string value) in topic.Settings)
            {
                writer.WriteString(key);
                writer.WriteString(value);
            }
        }

        FramedFile.Replace(_path, FileKind.Catalog, Version, writer.Written.Span, _context.Flush.FlushesMetadata);
    }

    private string Load()
    {
        if (FramedFile.TryLoad(_path, FileKind.Catalog, Version) is not { } content)
            return StartNew();
        (string clusterId, List<(string Name, int Partitions, Dictionary<string, string> Settings)> entries) = Parse(content);
        foreach (string folder in Directory.EnumerateDirectories(_topicsPath).Where(f => entries.All(e => e.Name != Path.GetFileName(f))).ToList())
        {
            LogLeftover(_context.Log, folder);
            Directory.Delete(folder, recursive: true);
        }

        var opened = new Topic[entries.Count];
        try
        {
            // Many partitions with long tails come back faster on all cores.
            Parallel.For(0, entries.Count, i => opened[i] = Reopen(entries[i].Name, entries[i].Partitions, entries[i].Settings));
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<DataFolderException>().FirstOrDefault() is { } damage)
        {
            throw new DataFolderException(damage.Message, damage);
        }

        _topics = _topics.AddRange(opened.Select(t => KeyValuePair.Create(t.Name, t)));
        return clusterId;
    }

    private string StartNew()
    {
        if (Directory.EnumerateDirectories(_topicsPath).Any())
            throw new DataFolderException($"{_topicsPath} holds topics but {_path} is missing: nobody knows what belongs to them.");
        return Convert.ToBase64String(Guid.NewGuid().ToByteArray()).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    private Topic Reopen(string name, int partitions, Dictionary<string, string> settings)
    {
        LogConfig config = LogConfig.TryParse(settings, out string? problem) ?? throw new DataFolderException($"{_path}: topic {name}: {problem}");
        return new Topic(name, settings, config, [.. Enumerable.Range(0, partitions).Select(i => ReopenPartition(name, i, config))]);
    }

    // A partition has a log from before its topic is in the catalog until after it is gone from there.
    private PartitionLog ReopenPartition(string name, int partition, LogConfig config)
    {
        string folder = PartitionFolder(name, partition);
        if (_context.Recovery == RecoveryMode.Refuse && !PartitionLog.IsPresent(folder))
            throw new DataFolderException($"{folder} lacks its log although {_path} lists the topic. Put it back, or start with --repair to go on with an empty one.");
        return OpenPartition(name, partition, config);
    }

    private static (string ClusterId, List<(string Name, int Partitions, Dictionary<string, string> Settings)> Topics) Parse(byte[] content)
    {
        var reader = new WireReader(content);
        string clusterId = reader.ReadString();
        var topics = new List<(string, int, Dictionary<string, string>)>();
        for (int left = reader.ReadArrayLength(); left > 0; left--)
        {
            string name = reader.ReadString();
            int partitions = reader.ReadInt32();
            var settings = new Dictionary<string, string>(StringComparer.Ordinal);
            for (int entries = reader.ReadArrayLength(); entries > 0; entries--)
                settings[reader.ReadString()] = reader.ReadString();
            topics.Add((name, partitions, settings));
        }

        return (clusterId, topics);
    }

    [LoggerMessage(2, LogLevel.Error, "A change of topics could not be written")]
    private static partial void LogChangeFailed(ILogger log, Exception e);

    [LoggerMessage(1, LogLevel.Warning, "{Folder} belongs to a deleted topic and is removed")]
    private static partial void LogLeftover(ILogger log, string folder);
}
