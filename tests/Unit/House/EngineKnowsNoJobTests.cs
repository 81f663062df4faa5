using System.Text.RegularExpressions;

namespace Tally.Tests.Unit.House;

/// <summary>Engine/ runs any job: nothing in it names the jobs there are, nor what they keep their state in.</summary>
public sealed partial class EngineKnowsNoJobTests
{
    private const string Engine = "processor-service/Engine/";

    [Test]
    public void Nothing_in_the_engine_names_a_job_or_the_state_of_one()
    {
        var files = SourceTree.Files(".cs").Where(file => file.Path.StartsWith(Engine, StringComparison.Ordinal)).ToArray();
        Assert.That(files, Has.Length.GreaterThan(20), "it looks at what is there");
        var hits = from file in files
                   from line in file.Lines.Select((text, at) => (Text: text, Number: at + 1))
                   where JobOrState().IsMatch(line.Text)
                   select $"{file.Path}:{line.Number}: {line.Text.Trim()}";
        Assert.That(hits, Is.Empty);
    }

    [TestCase("using Tally.ProcessorService.Jobs.Flows;", true)]
    [TestCase("using Tally.ProcessorService.State;", true)]
    [TestCase("    var job = new Jobs.Flows.FlowsJob(topics);", true)]
    [TestCase("    public IJob Job { get; }", false)]
    public void What_it_looks_for_is_seen(string line, bool seen) => Assert.That(JobOrState().IsMatch(line), Is.EqualTo(seen));

    // Outside of their namespaces those types can be named no other way.
    [GeneratedRegex(@"\bProcessorService\.(Jobs|State)\b|(?<![\w.])(Jobs|State)\.[A-Z]")]
    private static partial Regex JobOrState();
}
