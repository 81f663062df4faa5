using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Tally.Shared.Hosting;

/// <summary><c>health</c>: asks the service that runs beside it, with the same settings, whether it is ready. Images without a shell have no other way.</summary>
public static class HealthCommand
{
    public const string Verb = "health";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <param name="service">Name in the message.</param>
    /// <param name="defaultPort">Port when <c>Http:Port</c> is not set.</param>
    /// <returns>Exit code: 0 when ready, 1 when not; what the service said goes to standard output.</returns>
    public static async Task<int> RunAsync(string service, int defaultPort)
    {
        var settings = new ConfigurationBuilder()
            .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true)
            .AddEnvironmentVariables().Build();
        var port = settings.GetValue("Http:Port", defaultPort);
        var host = settings["Http:Bind"] is { Length: > 0 } bind && bind is not ("0.0.0.0" or "::") ? bind : "127.0.0.1";
        var address = new UriBuilder(Uri.UriSchemeHttp, host, port, "/health/ready").Uri;
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Limit };
        try
        {
            using var answer = await http.GetAsync(address).ConfigureAwait(false);
            await Console.Out.WriteAsync(await answer.Content.ReadAsStringAsync().ConfigureAwait(false)).ConfigureAwait(false);
            return answer.IsSuccessStatusCode ? 0 : ServiceRun.Failed;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            await Console.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{service} does not answer at {address}: {e.Message}")).ConfigureAwait(false);
            return ServiceRun.Failed;
        }
    }
}
