using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tally.Tests.Support;

/// <summary>A service's OpenAPI document as it serves it, to be held against what the service answers.</summary>
public sealed class ServedApi
{
    /// <summary>Routes that are no calls of the API: the document and its page, metrics, other names of health.</summary>
    private static readonly string[] Beside = ["/openapi/v1.json", "/docs", "/metrics", "/alive", "/health"];

    private readonly JsonElement _document;
    private readonly HashSet<(string Path, string Status)> _seen = [];

    private ServedApi(JsonElement document) => _document = document;

    /// <summary>Every path of the document.</summary>
    public IEnumerable<string> Paths => _document.GetProperty("paths").EnumerateObject().Select(p => p.Name);

    /// <summary>Documented answers that <see cref="CheckAsync"/> has not met yet.</summary>
    public IEnumerable<(string Path, string Status)> Unseen =>
        from path in _document.GetProperty("paths").EnumerateObject()
        from call in path.Value.EnumerateObject()
        from answer in call.Value.GetProperty("responses").EnumerateObject()
        where !_seen.Contains((path.Name, answer.Name))
        select (path.Name, answer.Name);

    public static async Task<ServedApi> ReadAsync(HttpClient http)
    {
        using var document = JsonDocument.Parse(await http.GetStringAsync("/openapi/v1.json"));
        return new ServedApi(document.RootElement.Clone());
    }

    /// <summary>The routes that the document should have, of all that are mapped.</summary>
    public static IEnumerable<string> Calls(IEnumerable<string> routes) =>
        routes.Where(r => !r.Contains('{', StringComparison.Ordinal)).Select(r => r.StartsWith('/') ? r : "/" + r).Except(Beside).Distinct();

    /// <summary>The request that the examples of a call make: what is required, and one more parameter if given.</summary>
    public HttpRequestMessage Example(string method, string path, string? with = null, string? mediaType = null)
    {
        var call = Call(method, path);
        var query = new List<string>();
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        foreach (var parameter in call.TryGetProperty("parameters", out var all) ? all.EnumerateArray() : [])
        {
            var name = parameter.GetProperty("name").GetString()!;
            if (!parameter.GetProperty("required").GetBoolean() && name != with) continue;
            var value = parameter.GetProperty("example").ToString();
            if (parameter.GetProperty("in").GetString() == "header") request.Headers.TryAddWithoutValidation(name, value);
            else query.Add($"{name}={Uri.EscapeDataString(value)}");
        }
        if (query.Count > 0) request.RequestUri = new Uri($"{path}?{string.Join('&', query)}", UriKind.Relative);
        if (mediaType is null) return request;
        var example = call.GetProperty("requestBody").GetProperty("content").GetProperty(mediaType).GetProperty("example");
        request.Content = new StringContent(example.ValueKind == JsonValueKind.String ? example.GetString()! : example.GetRawText(), Encoding.UTF8, mediaType);
        return request;
    }

    /// <summary>Names of a call's optional parameters.</summary>
    public IEnumerable<string> Optional(string method, string path) =>
        Call(method, path).TryGetProperty("parameters", out var all)
            ? all.EnumerateArray().Where(p => !p.GetProperty("required").GetBoolean()).Select(p => p.GetProperty("name").GetString()!)
            : [];

    /// <summary>Fails unless the status is documented, with this media type, these headers and a body of this schema.</summary>
    public async Task CheckAsync(string path, HttpResponseMessage answer, bool endless = false)
    {
        var method = answer.RequestMessage!.Method.Method;
        var status = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
        var where = $"{method} {answer.RequestMessage.RequestUri} → {status}";
        Assert.That(Call(method, path).GetProperty("responses").TryGetProperty(status, out var documented), Is.True, $"{where} is not documented");
        _seen.Add((path, status));
        if (documented.TryGetProperty("headers", out var headers))
            foreach (var header in headers.EnumerateObject()) Assert.That(answer.Headers.Contains(header.Name), Is.True, $"{where} lacks {header.Name}");
        if (endless) return;
        var body = await answer.Content.ReadAsStringAsync();
        if (!documented.TryGetProperty("content", out var content))
        {
            Assert.That(body, Is.Empty, where);
            return;
        }
        var type = answer.Content.Headers.ContentType?.MediaType ?? "none";
        Assert.That(content.TryGetProperty(type, out var form), Is.True, $"{where} has the undocumented type {type}");
        if (!type.EndsWith("json", StringComparison.Ordinal)) return;
        using var json = JsonDocument.Parse(body);
        Assert.That(Fault(json.RootElement, form.GetProperty("schema"), "body"), Is.Null, $"{where}: {body}");
    }

    private JsonElement Call(string method, string path) =>
        _document.GetProperty("paths").GetProperty(path).GetProperty(method.ToLowerInvariant());

    /// <summary>The first thing that does not fit the schema, for the few keywords that the documents use; null when all does.</summary>
    private string? Fault(JsonElement value, JsonElement schema, string at)
    {
        if (schema.TryGetProperty("$ref", out var reference))
            return Fault(value, _document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]), at);
        if (schema.TryGetProperty("anyOf", out var any))
        {
            var faults = any.EnumerateArray().Select(s => Fault(value, s, at)).ToList();
            return faults.Contains(null) ? null : string.Join(" and ", faults);
        }
        return schema.GetProperty("type").GetString() switch
        {
            "object" when value.ValueKind == JsonValueKind.Object => ObjectFault(value, schema, at),
            "array" when value.ValueKind == JsonValueKind.Array =>
                value.EnumerateArray().Select((item, i) => Fault(item, schema.GetProperty("items"), $"{at}[{i}]")).FirstOrDefault(f => f is not null),
            "string" when value.ValueKind == JsonValueKind.String => null,
            "boolean" when value.ValueKind is JsonValueKind.True or JsonValueKind.False => null,
            "number" when value.ValueKind == JsonValueKind.Number => null,
            "null" when value.ValueKind == JsonValueKind.Null => null,
            "integer" when value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _) => null,
            var type => $"{at} is no {type}",
        };
    }

    private string? ObjectFault(JsonElement value, JsonElement schema, string at)
    {
        if (!schema.TryGetProperty("properties", out var properties)) return null;
        foreach (var name in schema.TryGetProperty("required", out var required) ? required.EnumerateArray() : [])
            if (!value.TryGetProperty(name.GetString()!, out _)) return $"{at} lacks {name}";
        foreach (var property in value.EnumerateObject())
        {
            if (!properties.TryGetProperty(property.Name, out var known)) return $"{at} has the undocumented {property.Name}";
            if (Fault(property.Value, known, $"{at}.{property.Name}") is { } fault) return fault;
        }
        return null;
    }
}
