using System.Diagnostics;
using System.Runtime.Versioning;

namespace Tally.Tests.Integration.Deploy;

/// <summary>How `make up` chooses between Docker compose and local mode; a script stands for docker.</summary>
[SupportedOSPlatform("linux")]
public sealed class ModeTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));
    private DirectoryInfo _folder = null!;

    [SetUp]
    public void Start() => _folder = Directory.CreateTempSubdirectory("tally-mode-");

    [TearDown]
    public void Stop() => _folder.Delete(recursive: true);

    [Test]
    public async Task Without_docker_it_is_the_local_mode() =>
        Assert.That(await ChooseAsync(docker: null), Is.EqualTo("local: there is no docker here"));

    [TestCase("info) exit 1;;", "local: no Docker engine answers")]
    [TestCase("compose) [ $2 != version ];;", "local: docker has no compose plugin")]
    [TestCase("image|pull) echo denied; exit 1;;", "local: the image redis:8 is not here and cannot be pulled (denied)")]
    [TestCase("""compose) case "$*" in *images) echo redis:8;; *build) echo 'Package set full does not restore'; exit 1;; esac;;""",
        "local: the images of the services cannot be built (Package set full does not restore; all of it: ")]
    [TestCase("image) exit 1;;", "compose: a Docker engine answers and the images are here")]
    public async Task It_says_why(string docker, string expected) => Assert.That(await ChooseAsync(docker), Does.StartWith(expected));

    [Test]
    public async Task A_mode_that_is_forced_is_not_changed()
    {
        Assert.Multiple(async () =>
        {
            Assert.That(await ChooseAsync("none) ;;", "local"), Is.EqualTo("local: MODE=local says so"));
            Assert.That(await ChooseAsync("none) ;;", "compose"), Is.EqualTo("compose: MODE=compose says so"));
            Assert.That(await ChooseAsync("info) exit 1;;", "compose"), Does.Contain("MODE=compose cannot be had: no Docker engine answers"));
            Assert.That(await ChooseAsync("none) ;;", "swarm"), Does.Contain("MODE is 'swarm'; it is local or compose"));
        });
    }

    [Test]
    public async Task What_runs_in_local_mode_stays_there()
    {
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "data", "run"));
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "data", "mode"), "local\n");
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "data", "run", "redis.pid"), "1 1\n");

        Assert.That(await ChooseAsync("none) ;;"), Is.EqualTo("local: it runs so already"));
    }

    private async Task<string> ChooseAsync(string? docker, string mode = "")
    {
        var programs = Directory.CreateDirectory(Path.Combine(_folder.FullName, "bin")).FullName;
        foreach (var tool in (string[])["bash", "timeout", "cat", "tail", "head", "grep", "sort", "mkdir", "dirname", "realpath"])
            if (!File.Exists(Path.Combine(programs, tool))) File.CreateSymbolicLink(Path.Combine(programs, tool), $"/usr/bin/{tool}");
        if (docker is not null)
        {
            var file = Path.Combine(programs, "docker");
            await File.WriteAllTextAsync(file, $"#!/usr/bin/bash\ncase $1 in\n{docker}\ncompose) case \"$*\" in *images) echo tally/query-service; echo redis:8;; esac;;\nesac\n");
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        var start = new ProcessStartInfo("/usr/bin/bash",
            ["-c", $". {Root}/deploy/local/settings.sh; . {Root}/deploy/mode.sh; mkdir -p \"$run\" \"$logs\"; choose_mode; echo \"$mode: $why\""])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = programs;
        start.Environment["DATA"] = Path.Combine(_folder.FullName, "data");
        start.Environment["MODE"] = mode;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output.Trim() : (await error).Trim();
    }
}
