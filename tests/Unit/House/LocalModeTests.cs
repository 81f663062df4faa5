using System.Diagnostics;

namespace Tally.Tests.Unit.House;

/// <summary>The scripts behind `make up` end a start that cannot succeed with one sentence that says what to do.</summary>
public sealed class LocalModeTests
{
    [TestCase("COMMAND", "two", "COMMAND is 'two': it must be a whole number from 1 to 16")]
    [TestCase("PROCESSOR", "0", "PROCESSOR is '0': it must be a whole number from 1 to 16")]
    [TestCase("DOOR_PORT", "99999", "DOOR_PORT is '99999': it must be a whole number from 1 to 65535")]
    [TestCase("REDIS_PORT", "-1", "REDIS_PORT is '-1': it must be a whole number from 1 to 65535")]
    [TestCase("PARTITIONS", "0", "PARTITIONS is '0': it must be a whole number from 1 to 1024")]
    [TestCase("DATA", "/proc/tally", "the data folder /proc/tally cannot be made or written")]
    public async Task A_wrong_variable_is_named(string variable, string value, string sentence) =>
        await RefusesAsync("deploy/up.sh", sentence, (variable, value));

    [TestCase("#!/bin/sh\necho 8.0.100", "the .NET SDK here is 8.0.100; Tally needs 10")]
    [TestCase("#!/bin/sh\nexit 1", "the .NET SDK here is of another version; Tally needs 10")]
    public async Task Another_SDK_is_named(string dotnet, string sentence)
    {
        var folder = Directory.CreateTempSubdirectory("tally-sdk-");
        try
        {
            var file = Path.Combine(folder.FullName, "dotnet");
            await File.WriteAllTextAsync(file, dotnet);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            await RefusesAsync("deploy/local/up.sh", sentence,
                ("PATH", $"{folder.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("DATA", Path.Combine(folder.FullName, "data")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Test]
    public async Task What_a_build_leaves_behind_does_not_keep_the_next_start_waiting()
    {
        // The build servers of dotnet outlive their build by minutes.
        const string Dotnet = "#!/bin/sh\n[ \"$1\" = --list-sdks ] && echo '10.0.100 [here]' && exit 0\nsleep 30 > /dev/null 2>&1 &\nexit 1";
        var machine = Directory.CreateTempSubdirectory("tally-lock-");
        try
        {
            using (var copy = Process.Start("cp", ["-r", Path.Combine(SourceTree.Root, "deploy"), machine.FullName])) await copy.WaitForExitAsync();
            await File.WriteAllTextAsync(Path.Combine(machine.FullName, "packages.local.props"), "<TallyPackages>mirror</TallyPackages>");
            var dotnet = Path.Combine(machine.FullName, "dotnet");
            await File.WriteAllTextAsync(dotnet, Dotnet);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            for (var start = 0; start < 2; start++)
                await RefusesAsync(Path.Combine(machine.FullName, "deploy/local/up.sh"), "the build failed (all of it: ",
                    ("PATH", $"{machine.FullName}:{Environment.GetEnvironmentVariable("PATH")}"), ("DATA", Path.Combine(machine.FullName, "data")));
        }
        finally
        {
            machine.Delete(recursive: true);
        }
    }

    [TestCase("need_redis", "redis-server is missing (the hot read model) and could not be installed: run `sudo apt-get install redis-server`")]
    [TestCase("need_curl", "curl is missing (health checks and the demo) and could not be installed: run `sudo apt-get install curl`")]
    [TestCase("need_dotnet", "no .NET SDK found: install the .NET 10 SDK (https://dot.net/download)")]
    public async Task What_is_missing_and_may_not_be_installed_is_named(string need, string sentence)
    {
        // A machine that has nothing but apt-get, and a user who may not use it.
        const string Machine = """
            . deploy/local/settings.sh; . deploy/local/dependencies.sh; logs=$(mktemp -d); trap 'rm -r "$logs"' EXIT
            as_root() { return 1; }
            command() { case $2 in apt-get) return 0 ;; *) return 1 ;; esac; }
            """;
        await RefusesAsync("-c", sentence, arguments: $"{Machine}\n{need}");
    }

    [Test]
    public async Task What_a_service_refused_with_is_told_as_a_sentence_without_its_log()
    {
        const string Ended = """
            . deploy/local/settings.sh; . deploy/local/processes.sh; logs=$(mktemp -d); trap 'rm -r "$logs"' EXIT
            echo '{"LogLevel":"Critical","Message":"the sink stopped: it is of type \u0027x\u0027","State":{"Message":"no"}}' > "$logs/sink.log"
            echo '{"LogLevel":"Information","Message":"Application is shutting down..."}' >> "$logs/sink.log"
            wait_for sink 5 false
            """;
        await RefusesAsync("-c", "sink ended while starting: the sink stopped: it is of type 'x' (all of it: ", arguments: Ended);
    }

    [TestCase("echo \"processor-service: State:MemoryBudget must be from 1 to 2.\"", "State:MemoryBudget must be from 1 to 2 (all of it: ")]
    [TestCase("echo '{\"LogLevel\":\"Critical\",\"Message\":\"the key is wrong\"}'", "the key is wrong (all of it: ")]
    public async Task What_an_earlier_run_said_is_not_why_this_one_ended(string ended, string why)
    {
        var script = $$"""
            . deploy/local/settings.sh; . deploy/local/processes.sh; logs=$(mktemp -d); run=$logs; trap 'rm -r "$logs"' EXIT
            echo '{"LogLevel":"Critical","Message":"another has taken over"}' > "$logs/service.log"
            echo 'processor-service: an old sentence' >> "$logs/service.log"
            launch service 1 bash -c '{{ended.Replace("'", "'\\''", StringComparison.Ordinal)}}'
            while alive service; do sleep 0.05; done
            wait_for service 5 false
            """;
        await RefusesAsync("-c", $"service ended while starting: {why}", arguments: script);
    }

    private static Task RefusesAsync(string script, string sentence, params (string Key, string Value)[] variables) =>
        RefusesAsync(script, sentence, null, variables);

    private static async Task RefusesAsync(string script, string sentence, string? arguments, params (string Key, string Value)[] variables)
    {
        var start = new ProcessStartInfo("bash", arguments is null ? [script] : [script, arguments])
        {
            WorkingDirectory = SourceTree.Root,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (var (key, value) in variables) start.Environment[key] = value;
        using var process = Process.Start(start)!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.That(process.ExitCode, Is.EqualTo(1), said);
        Assert.That(said, Does.StartWith($"tally: {sentence}"));
        Assert.That(said.Trim(), Does.Not.Contain("\n"), "more than one sentence");
    }
}
