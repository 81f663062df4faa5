using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Hosting;

/// <summary>Runs a service and turns a failed start into one sentence on standard error.</summary>
public static partial class ServiceRun
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
            // The host would validate as well, but log a failure with its stack before it comes here.
            app.Services.GetService<IStartupValidator>()?.Validate();
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

    /// <summary>What a person has to mend, in a sentence; null when it is no person's to mend.</summary>
    public static string? Sentence(Exception e) => e switch
    {
        // The first word is the key; the first fault of a key says enough.
        OptionsValidationException options => string.Join(" ", options.Failures.Select(f => Annotation().Replace(f, "$1")).DistinctBy(f => f.Split(' ')[0])),
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
    private static string Binder(Exception e)
    {
        if (Unknown().Match(e.Message) is { Success: true } unknown)
            return $"{unknown.Groups[2].Value} is no setting of {unknown.Groups[1].Value.Replace("TopicNames", "Kafka:Topics", StringComparison.Ordinal)}; appsettings.json lists those there are.";
        if (Unreadable().Match(e.Message) is { Success: true } wrong)
            return $"{wrong.Groups[2].Value} is '{wrong.Groups[1].Value}', but it must be {Kind(wrong.Groups[3].Value)}.";
        return e.Message.ReplaceLineEndings(" ");
    }

    private static string Kind(string type) => type switch
    {
        "System.Int32" or "System.Int64" or "System.Int16" => "a whole number",
        "System.TimeSpan" => "a time span such as 00:00:05 (5 seconds) or 5.00:00:00 (5 days)",
        "System.Boolean" => "true or false",
        _ => $"a {type}",
    };

    // What the framework wraps around the messages that our attributes have.
    [GeneratedRegex(@"^DataAnnotation validation failed for '[\w.]+' members: '[^']*' with the error: '(.*)'\.$", RegexOptions.Singleline)]
    private static partial Regex Annotation();

    [GeneratedRegex(@"were not found on the instance of (?:[\w.]+\.)?(\w+?)(?:Options)?: (.*)$", RegexOptions.Singleline)]
    private static partial Regex Unknown();

    [GeneratedRegex(@"^Failed to convert configuration value '(.*)' at '(.*)' to type '(.*)'\.$", RegexOptions.Singleline)]
    private static partial Regex Unreadable();
}
