using System.Diagnostics;

namespace Tally.Tests.Integration.Deploy;

/// <summary>compose's one-shot that makes the hash key and the passwords.</summary>
public sealed class SecretsTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));
    private DirectoryInfo _folder = null!;

    [SetUp]
    public void Start() => _folder = Directory.CreateTempSubdirectory("tally-secrets-");

    [TearDown]
    public void Stop() => _folder.Delete(recursive: true);

    [Test]
    public async Task They_are_made_once_and_stay()
    {
        Assert.That(await RunAsync(), Is.Zero);
        var first = Contents();
        Assert.That(await RunAsync(), Is.Zero);

        Assert.Multiple(() =>
        {
            Assert.That(first["hash.key"].Trim(), Does.Match("^[0-9a-f]{64}$"));
            Assert.That(first["redis.conf"], Does.Contain("requirepass " + first["redis.password"]));
            Assert.That(first["pgpass"], Is.EqualTo("*:*:*:tally:" + first["postgres.password"]));
            Assert.That(new[] { first["hash.key"], first["redis.password"], first["postgres.password"] }, Is.Unique);
            Assert.That(Contents(), Is.EqualTo(first));
            Assert.That(_folder.GetFiles().Select(f => f.UnixFileMode), Has.All.EqualTo(UnixFileMode.UserRead));
        });
    }

    [Test]
    public async Task Those_from_the_environment_are_taken_and_a_change_is_refused()
    {
        var key = new string('a', 64);
        Assert.That(await RunAsync(("HASH_KEY", key), ("REDIS_PASSWORD", "secret-1")), Is.Zero);
        var first = Contents();

        Assert.Multiple(async () =>
        {
            Assert.That(first["hash.key"].Trim(), Is.EqualTo(key));
            Assert.That(first["redis.password"].Trim(), Is.EqualTo("secret-1"));
            Assert.That(await RunAsync(("HASH_KEY", new string('b', 64))), Is.EqualTo(1), "another key would count every user again");
            Assert.That(Contents(), Is.EqualTo(first));
        });
    }

    [TestCase("HASH_KEY", "short")]
    [TestCase("HASH_KEY", "zz")]
    [TestCase("REDIS_PASSWORD", "two words")]
    [TestCase("POSTGRES_PASSWORD", "a:b")]
    public async Task What_cannot_be_a_key_or_password_is_refused(string variable, string value) => Assert.That(await RunAsync((variable, value)), Is.EqualTo(1));

    private Dictionary<string, string> Contents() => _folder.GetFiles().ToDictionary(f => f.Name, f => File.ReadAllText(f.FullName));

    private async Task<int> RunAsync(params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("/bin/sh", [Path.Combine(Root, "deploy", "compose", "secrets.sh")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["KEY_FOLDER"] = start.Environment["PASSWORD_FOLDER"] = _folder.FullName;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
