using System.Globalization;

namespace Tally.Tests.Support;

/// <summary>
/// Everything of the hourly analytics as processes on free ports and a folder of its own: broker, Redis, the four services.
/// </summary>
public sealed class Pipeline : IAsyncDisposable
{
    /// <summary>No two services live in one place, none of them at whole hours of GMT with its own summer.</summary>
    private static readonly (string Zone, string Culture)[] Places =
        [("Pacific/Kiritimati", "tr_TR.UTF-8"), ("Asia/Kathmandu", "ar_SA.UTF-8"), ("America/St_Johns", "de_DE.UTF-8"), ("Australia/Lord_Howe", "tr_TR.UTF-8")];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-");
    private readonly Dictionary<string, int> _ports = [];
    private readonly Dictionary<string, (string Project, Dictionary<string, string> Environment)> _services = [];
    private readonly List<ServiceProcess> _further = [];
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256, UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(30),
    };

    /// <param name="settings">Environment variables for all services, such as <c>Redis__Ttl</c>.</param>
    /// <param name="realKafka">Apache Kafka in local-broker's place.</param>
    /// <param name="brokerOptions">Further options of local-broker.</param>
    public Pipeline(IReadOnlyDictionary<string, string>? settings = null, bool realKafka = false, string[]? brokerOptions = null)
        : this(settings, realKafka, null, brokerOptions)
    {
    }

    private Pipeline(IReadOnlyDictionary<string, string>? settings, bool realKafka, RealKafka? cluster, string[]? brokerOptions)
    {
        if (!RedisIsHere()) Assert.Ignore("redis-server is not on the PATH: the pipeline needs it.");
        foreach (var name in (string[])["broker", "redis", "command", "processor", "materializer", "query", "door"]) _ports[name] = FreePort.NextWith(1);
        Bootstrap = cluster?.Bootstrap ?? $"127.0.0.1:{_ports["broker"]}";
        Archive = settings?.GetValueOrDefault("Archive__ConnectionString") ?? $"Data Source={Path.Combine(_folder.FullName, "archive.db")}";
        var keyFile = Path.Combine(_folder.FullName, "hash.key");
        File.WriteAllText(keyFile, string.Concat(Enumerable.Repeat("0123456789abcdef", 4)));

        var kafka = new Dictionary<string, string>
        {
            ["Kafka__BootstrapServers"] = Bootstrap,
            ["DOTNET_TieredPGO"] = "0",
        };
        foreach (var (key, value) in settings ?? new Dictionary<string, string>()) kafka[key] = value;
        var key256 = new Dictionary<string, string>(kafka) { ["HashKey__File"] = keyFile };
        var stores = new Dictionary<string, string>(kafka)
        {
            ["Redis__Endpoints"] = $"127.0.0.1:{_ports["redis"]}",
            ["Archive__ConnectionString"] = Archive,
        };

        Broker = cluster is not null ? cluster
            : realKafka ? new RealKafka(_ports["broker"])
            : ServiceProcess.Of("local-broker", "LocalBroker", new Dictionary<string, string>(),
                ["--data", Path.Combine(_folder.FullName, "broker"), "--port", Port("broker"), .. brokerOptions ?? []]);
        Redis = new ServiceProcess("redis", "redis-server",
            ["--port", Port("redis"), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder.FullName]);
        Topics = ServiceProcess.Of("create-topics", "ProcessorService", key256, "create-topics");
        Command = Service("command", "CommandService", key256);
        Processor = Service("processor", "ProcessorService", new(key256) { ["State__Directory"] = Path.Combine(_folder.FullName, "state") });
        Materializer = Service("materializer", "MaterializerService", stores);
        Query = Service("query", "QueryService", new(stores) { ["Colours__Processors"] = At("processor", "").ToString() });
        Door = Service("door", "Gateway", new Dictionary<string, string>
        {
            ["Gateway__Command__0"] = CommandAt("").ToString(),
            ["Gateway__Query__0"] = QueryAt("").ToString(),
        });
    }

    public string Bootstrap { get; }

    /// <summary>Connection string of the archive: a SQLite file unless the settings name another.</summary>
    public string Archive { get; }

    public int RedisPort => _ports["redis"];

    public IKillable Broker { get; }
    public ServiceProcess Redis { get; }
    public ServiceProcess Topics { get; }
    public ServiceProcess Command { get; }
    public ServiceProcess Processor { get; }
    public ServiceProcess Materializer { get; }
    public ServiceProcess Query { get; }

    /// <summary>The gateway; tests that want it start it.</summary>
    public ServiceProcess Door { get; }

    public IReadOnlyList<ServiceProcess> Services => [Processor, Materializer, Query, Command];

    public HttpClient Http => _http;

    /// <param name="name">A part such as <c>processor</c>.</param>
    /// <param name="pathAndQuery">Begins with a slash.</param>
    public Uri At(string name, string pathAndQuery) => new($"http://127.0.0.1:{Port(name)}{pathAndQuery}");

    public Uri CommandAt(string pathAndQuery) => new($"http://127.0.0.1:{Port("command")}{pathAndQuery}");

    public Uri QueryAt(string pathAndQuery) => new($"http://127.0.0.1:{Port("query")}{pathAndQuery}");

    public Uri DoorAt(string pathAndQuery) => new($"http://127.0.0.1:{Port("door")}{pathAndQuery}");

    public Uri ReadinessOf(ServiceProcess service) => new($"http://127.0.0.1:{Port(service.Name)}/health/ready");

    public string Logs => string.Join("\n", ((IKillable[])[Broker, Redis, Topics, .. Services, .. _further]).Select(p => p.Log));

    /// <summary>Starts everything and waits until all of it is ready.</summary>
    public static Task<Pipeline> StartAsync(IReadOnlyDictionary<string, string>? settings = null, bool realKafka = false, string[]? brokerOptions = null) =>
        StartAsync(new Pipeline(settings, realKafka, brokerOptions));

    /// <summary>The same on brokers of the test's own, which the pipeline starts and ends.</summary>
    public static Task<Pipeline> StartAsync(IReadOnlyDictionary<string, string> settings, RealKafka cluster) => StartAsync(new Pipeline(settings, false, cluster, null));

    private static async Task<Pipeline> StartAsync(Pipeline pipeline)
    {
        try
        {
            pipeline.Broker.Start();
            pipeline.Redis.Start();
            await pipeline.CreateTopicsAsync();
            foreach (var service in pipeline.Services) service.Start();
            await pipeline.ReadyAsync();
            return pipeline;
        }
        catch
        {
            await TestContext.Out.WriteLineAsync(pipeline.Logs);
            await pipeline.DisposeAsync();
            throw;
        }
    }

    public async Task CreateTopicsAsync()
    {
        Topics.Start();
        Assert.That(await Topics.ExitedAsync(TimeSpan.FromSeconds(60)), Is.Zero, () => Topics.Log + Broker.Log);
    }

    /// <summary>Starts one more instance of a service and waits until it is ready.</summary>
    /// <returns>Its address.</returns>
    public async Task<Uri> AddInstanceAsync(string name)
    {
        var (project, environment) = _services[name];
        var another = $"{name}-2";
        _ports[another] = FreePort.Next();
        var settings = new Dictionary<string, string>(environment) { ["Http__Port"] = Port(another) };
        if (name is "processor") settings["Processor__Instance"] = "2";
        if (name is "materializer") settings["Materializer__Instance"] = "2";
        var instance = ServiceProcess.Of(another, project, settings);
        _further.Add(instance);
        instance.Start();
        await ReadyAsync(another);
        return At(another, "");
    }

    /// <summary>Waits until all four services say that they are ready.</summary>
    public async Task ReadyAsync()
    {
        foreach (var name in (string[])["command", "processor", "materializer", "query"]) await ReadyAsync(name);
    }

    /// <summary>At the end of a fixture: tells what the processes logged if a test failed, and disposes; null when nothing was started.</summary>
    public static async Task StopAsync(Pipeline? pipeline)
    {
        if (pipeline is null) return;
        if (TestContext.CurrentContext.Result.FailCount > 0) await TestContext.Out.WriteLineAsync(pipeline.Logs);
        await pipeline.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var process in (IKillable[])[Door, .. _further, .. Services, Topics, Redis, Broker]) await process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static bool RedisIsHere() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "redis-server")));

    private string Port(string name) => _ports[name].ToString(CultureInfo.InvariantCulture);

    private Task ReadyAsync(string name) => Eventually.HoldsAsync($"{name} is ready", async () =>
    {
        using var answer = await _http.GetAsync(At(name, "/health/ready"));
        return answer.IsSuccessStatusCode;
    });

    private ServiceProcess Service(string name, string project, Dictionary<string, string> environment)
    {
        var (zone, culture) = Places[_services.Count % Places.Length];
        environment.TryAdd("TZ", zone);
        environment.TryAdd("LC_ALL", culture);
        _services[name] = (project, environment);
        return ServiceProcess.Of(name, project, new Dictionary<string, string>(environment) { ["Http__Port"] = Port(name) });
    }
}
