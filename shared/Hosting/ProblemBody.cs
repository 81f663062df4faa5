using System.Text.Json;

namespace Tally.Shared.Hosting;

/// <summary>The body of an RFC 9457 problem as both HTTP services answer it: written once, never holding the client's text.</summary>
public static class ProblemBody
{
    public const string ContentType = "application/problem+json";
    private const string TypePrefix = "urn:tally:problem:";

    /// <param name="status">HTTP status.</param>
    /// <param name="code">Stable name of the fault: the end of the problem's type.</param>
    /// <param name="title">What happened, the same for every such fault.</param>
    /// <param name="field">The parameter or header that was wrong; null when it is not the input's fault.</param>
    /// <param name="detail">One sentence that says what was wrong and what is right.</param>
    /// <param name="index">Of the element that was wrong, from 0; null where there are no elements.</param>
    /// <returns>JSON in UTF-8.</returns>
    public static byte[] Write(int status, string code, string title, string? field, string detail, int? index = null)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("type", TypePrefix + code);
            json.WriteString("title", title);
            json.WriteNumber("status", status);
            json.WriteString("detail", detail);
            if (index is { } element) json.WriteNumber("index", element);
            if (field is not null)
            {
                json.WriteString("field", field);
                json.WriteStartObject("errors");
                json.WriteStartArray(field);
                json.WriteStringValue(detail);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return body.ToArray();
    }
}
