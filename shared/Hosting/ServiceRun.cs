using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Hosting;

/// <summary>Runs a service and turns a failed start into one sentence on standard error.</summary>
public static class ServiceRun
{
    public const int WrongConfiguration = 2;
    public const int Failed = 1;

    /// <summary>Builds and runs until SIGTERM.</summary>
    /// <returns>Exit code: 0 after a clean stop, 1 when a part failed, 2 when a setting is wrong.</returns>
    public static async Task<int> RunAsync(string service, Func<WebApplication> build)
    {
        // Settings are read once, at start. Watching for changes would watch everything below the working directory, a broker's data among it.
        Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");
        try
        {
            await using var app = build();
            await app.RunAsync().ConfigureAwait(false);
            return Environment.ExitCode;
        }
        catch (OperationCanceledException)
        {
            // Asked to stop while it was starting.
            return Environment.ExitCode;
        }
        catch (Exception e) when (Sentence(e) is { } sentence)
        {
            await Console.Error.WriteLineAsync($"{service}: {sentence}").ConfigureAwait(false);
            return WrongConfiguration;
        }
    }

    private static string? Sentence(Exception e) => e switch
    {
        OptionsValidationException options => string.Join(" ", options.Failures),
        ConfigurationException => e.Message,
        // From the configuration binder: an unknown key or a value of the wrong type; its message names the key.
        InvalidOperationException { Source: "Microsoft.Extensions.Configuration.Binder" } => Binder(e),
        IOException { InnerException: AddressInUseException } =>
            $"{e.Message.TrimEnd('.')}. Stop what listens there or set Http__Port to another port.",
        SocketException => $"cannot listen: {e.Message}. Check Http__Bind and Http__Port.",
        AggregateException { InnerExceptions.Count: > 0 } many => Sentence(many.InnerExceptions[0]),
        _ => null,
    };

    // The binder's inner message would repeat the value, which may be a secret.
    private static string Binder(Exception e) => e.Message.ReplaceLineEndings(" ");
}
