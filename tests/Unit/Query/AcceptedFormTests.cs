using Microsoft.Extensions.Primitives;
using Tally.QueryService.Analytics;

namespace Tally.Tests.Unit.Query;

public sealed class AcceptedFormTests
{
    [TestCase("application/json")]
    [TestCase("application/json; charset=utf-8")]
    [TestCase("APPLICATION/JSON")]
    [TestCase("application/*")]
    [TestCase("application/json, text/plain;q=0.9")]
    [TestCase("text/plain;q=0.5, application/json;q=0.6")]
    [TestCase("application/json, text/plain, */*")]
    [TestCase("*/*;q=0.1, application/json;q=0.2")]
    [TestCase("application/json, */*")]
    [TestCase("text/plain;q=0, */*")]
    public void Json_is_given_to_who_asks_for_it(string accept) => Assert.That(AcceptedForm.Of(accept), Is.EqualTo(AnswerForm.Json));

    [TestCase("")]
    [TestCase("*/*")]
    [TestCase("text/plain")]
    [TestCase("text/*")]
    [TestCase("text/plain, application/json")]
    [TestCase("text/plain, application/json;q=0.9")]
    [TestCase("application/json;q=0")]
    [TestCase("application/json;q=0, */*")]
    [TestCase("application/json;q=0.5, text/*;q=0.6")]
    [TestCase("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
    [TestCase("image/png")]
    [TestCase("application/problem+json")]
    [TestCase("/;;;q=,")]
    public void Everybody_else_gets_text(string accept) => Assert.That(AcceptedForm.Of(accept), Is.EqualTo(AnswerForm.Text));

    [Test]
    public void No_header_is_text_and_several_are_one()
    {
        Assert.That(AcceptedForm.Of(StringValues.Empty), Is.EqualTo(AnswerForm.Text));
        Assert.That(AcceptedForm.Of(new StringValues(["text/plain;q=0.1", "application/json"])), Is.EqualTo(AnswerForm.Json));
    }
}
