using Tally.Tests.Support;

namespace Tally.Tests.Integration.Archive;

/// <summary>Tests that run on each database an archive may be; each makes an archive of its own in it.</summary>
[TestFixture("sqlite")]
[TestFixture("postgresql")]
public abstract class EachDatabase(string system)
{
    private PostgresServer? _server;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = system == "postgresql" ? await PostgresServer.StartAsync() : null;

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }

    private protected Task<TemporaryArchive> CreateArchiveAsync() => TemporaryArchive.CreateAsync(_server);

    private protected Task<TemporaryArchive> EmptyArchiveAsync() => TemporaryArchive.EmptyAsync(_server);
}
