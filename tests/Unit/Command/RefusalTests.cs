using System.Reflection;
using System.Text.Json;
using Tally.CommandService.Ingest;

namespace Tally.Tests.Unit.Command;

public sealed class RefusalTests
{
    private static IEnumerable<Refusal> All =>
        typeof(Refusals).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => f.GetValue(null)).OfType<Refusal>();

    [Test]
    public void Every_refusal_is_a_problem_of_RFC_9457()
    {
        Assert.That(All.Count(), Is.GreaterThan(15));
        foreach (var refusal in All)
        {
            var body = JsonDocument.Parse(refusal.Body).RootElement;
            Assert.Multiple(() =>
            {
                Assert.That(body.GetProperty("type").GetString(), Is.EqualTo($"urn:tally:problem:{refusal.Code}"));
                Assert.That(body.GetProperty("status").GetInt32(), Is.EqualTo(refusal.Status));
                Assert.That(body.GetProperty("title").GetString(), Is.Not.Empty);
                Assert.That(body.GetProperty("detail").GetString(), Is.EqualTo(refusal.Detail));
                if (refusal.Field is { } field)
                {
                    Assert.That(body.GetProperty("field").GetString(), Is.EqualTo(field));
                    Assert.That(body.GetProperty("errors").GetProperty(field)[0].GetString(), Is.EqualTo(refusal.Detail));
                }
            });
        }
    }

    [TestCase("debug", "debug")]
    [TestCase("<script>", "query")]
    [TestCase("a\r\nb", "query")]
    [TestCase("\"", "query")]
    [TestCase("", "query")]
    public void Only_a_plain_name_is_echoed(string name, string field) =>
        Assert.That(Refusal.UnknownParameter(name).Field, Is.EqualTo(field));
}
