using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;

namespace Tally.Gateway;

/// <summary>What the services tell this machine alone is not handed on to others, unless <c>Http:PublicMetrics</c> of this door says so.</summary>
public static class HiddenMetrics
{
    public static void HideMetrics(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<HttpOptions>>().Value.PublicMetrics) app.Map("/metrics", () => Results.NotFound());
    }
}
