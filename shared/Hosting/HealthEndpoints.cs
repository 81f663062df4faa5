using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tally.Shared.Hosting;

/// <summary>
/// <c>/health/live</c> answers while the process runs and asks no dependency; <c>/health/ready</c> runs every check tagged
/// <see cref="Ready"/>. <c>/alive</c> and <c>/health</c> are the same two under the names that Aspire expects.
/// </summary>
public static class HealthEndpoints
{
    public const string Ready = "ready";

    public static void MapHealth(this WebApplication app)
    {
        var live = new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync };
        var ready = new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready), ResponseWriter = WriteAsync };
        app.MapHealthChecks("/health/live", live);
        app.MapHealthChecks("/alive", live);
        app.MapHealthChecks("/health/ready", ready);
        app.MapHealthChecks("/health", ready);
    }

    /// <summary>First line the state; then one line a check, with its reason, for people.</summary>
    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        var lines = report.Entries.Select(entry =>
            $"{JsonNamingPolicy.KebabCaseLower.ConvertName(entry.Key)}: {entry.Value.Status}{(entry.Value.Description is { } why ? $" ({why})" : "")}");
        return context.Response.WriteAsync(string.Join('\n', lines.Prepend(report.Status.ToString())) + "\n", context.RequestAborted);
    }
}
