using System.Buffers;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Flows;

/// <summary>
/// Writes an hour's rows as a JSON array while they come: the partials of a flow stand side by side, are added and become one object, with its tx and
/// its rx from the same rows.
/// </summary>
public sealed class FlowJson(PipeWriter body) : IDisposable
{
    // Letters of other languages as they are; nothing of this is put into HTML.
    private readonly Utf8JsonWriter _json = new(body, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    private FlowPartial? _flow;
    private long _tx;
    private long _rx;
    private bool _saturated;

    public void Begin() => _json.WriteStartArray();

    public void Add(FlowPartial partial)
    {
        if (_flow is null || _flow.Name != partial.Name)
        {
            WriteFlow();
            (_flow, _tx, _rx, _saturated) = (partial, 0, 0, false);
        }
        _tx = Sum(_tx, partial.Sum.BytesTx);
        _rx = Sum(_rx, partial.Sum.BytesRx);
        _saturated |= partial.Sum.Saturated;
    }

    public void End()
    {
        WriteFlow();
        _json.WriteEndArray();
        _json.Flush();
        body.Write("\n"u8);
    }

    /// <summary>Sends what is written; waits for a reader that is slower.</summary>
    public async Task FlushAsync(CancellationToken cancellation)
    {
        _json.Flush();
        await body.FlushAsync(cancellation).ConfigureAwait(false);
    }

    public void Dispose() => _json.Dispose();

    private long Sum(long a, long b)
    {
        if (a + b >= 0) return a + b;
        _saturated = true;
        return long.MaxValue;
    }

    private void WriteFlow()
    {
        if (_flow is null) return;
        _json.WriteStartObject();
        _json.WriteString("src_app", _flow.Name.SrcApp);
        _json.WriteString("dest_app", _flow.Name.DestApp);
        _json.WriteString("vpc_id", _flow.Name.VpcId);
        _json.WriteNumber("bytes_tx", _tx);
        _json.WriteNumber("bytes_rx", _rx);
        _json.WriteNumber("hour", _flow.Hour);
        if (_saturated) _json.WriteBoolean("saturated", true);
        _json.WriteEndObject();
        _flow = null;
    }
}
