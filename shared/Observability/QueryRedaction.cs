using System.Diagnostics;
using OpenTelemetry;

namespace Tally.Shared.Observability;

/// <summary>The query string of a POST holds the raw user, so no span carries it.</summary>
public sealed class QueryRedaction : BaseProcessor<Activity>
{
    public override void OnEnd(Activity data)
    {
        data.SetTag("url.query", null);
        data.SetTag("url.full", null);
        data.SetTag("http.url", null);
        data.SetTag("http.target", null);
    }
}
