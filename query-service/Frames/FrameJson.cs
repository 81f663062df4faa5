using System.IO.Pipelines;
using System.Text.Json;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Frames;

/// <summary>Writes windows as a JSON array while they come, each the object that is on the topic of results.</summary>
public sealed class FrameJson(PipeWriter body) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(body, new JsonWriterOptions { SkipValidation = true });

    public void Begin() => _json.WriteStartArray();

    public void Add(FrameWindow window)
    {
        _json.WriteStartObject();
        _json.WriteString("window", window.Kind);
        _json.WriteNumber("start", window.Start);
        _json.WriteNumber("end", window.End);
        _json.WriteNumber("unique_users", window.UniqueUsers);
        _json.WriteNumber("frames", window.Frames);
        _json.WriteString("state", Name(window.State));
        _json.WriteNumber("standard_error", window.StandardError);
        _json.WriteEndObject();
    }

    public async Task EndAsync(CancellationToken cancellation)
    {
        _json.WriteEndArray();
        _json.Flush();
        await body.WriteAsync("\n"u8.ToArray(), cancellation).ConfigureAwait(false);
    }

    /// <summary>Sends what is written; waits for a reader that is slower.</summary>
    public async Task FlushAsync(CancellationToken cancellation)
    {
        _json.Flush();
        await body.FlushAsync(cancellation).ConfigureAwait(false);
    }

    public void Dispose() => _json.Dispose();

    private static string Name(FrameWindowState state) => state switch
    {
        FrameWindowState.Early => "early",
        FrameWindowState.Final => "final",
        _ => "corrected",
    };
}
