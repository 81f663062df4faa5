using Confluent.Kafka;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Tally.Shared.Kafka;

/// <summary>
/// Kafka does not let this process in: a wrong password, a certificate that is not trusted. The clients try again for ever and say so each time, every one of
/// them; here it becomes one sentence a minute and the reason why the service is not ready.
/// </summary>
public static partial class KafkaRefusal
{
    private const string Login = "Kafka refuses the login: check Kafka:Client:sasl.username and Kafka:Client:sasl.password.";
    private const string Certificate = "The certificate of Kafka is not trusted: set Kafka:Client:ssl.ca.location to the CA that signed it.";
    private const string Handshake = "No TLS connection to Kafka comes about: check Kafka:Client:security.protocol and the listener's port.";

    /// <summary>The first librdkafka whose SCRAM Kafka 4 takes: older ones send a nonce that it refuses as a wrong password.</summary>
    public const int FirstWithScram = 0x02_06_01_ff;

    // The client repeats an identical error every half minute only.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(35);
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
    private static readonly Lock Gate = new();
    private static string? _sentence;
    private static long _seen;
    private static long _logged;

    /// <summary>The sentence while it holds, else null.</summary>
    public static string? Now
    {
        get
        {
            lock (Gate)
                return _sentence is not null && TimeProvider.System.GetElapsedTime(_seen) < Fresh ? _sentence : null;
        }
    }

    /// <summary>What a refused login means.</summary>
    /// <param name="reason">The broker's own words; they name the mechanism.</param>
    /// <param name="version">Of librdkafka, as in <see cref="Library.Version"/>.</param>
    internal static string LoginSentence(string reason, int version) =>
        reason.Contains("SCRAM", StringComparison.Ordinal) && version < FirstWithScram
            ? $"{Login} librdkafka {version >> 24}.{(version >> 16) & 0xff}.{(version >> 8) & 0xff} cannot log in to Kafka 4 by SCRAM, 2.6.1 and newer can: use PLAIN over TLS here."
            : Login;

    /// <summary>True when the error is such a refusal, or follows from one, and needs no line of its own.</summary>
    internal static bool Covers(ILogger logger, Error error)
    {
        if (error.Code == ErrorCode.Local_AllBrokersDown) return Now is not null;
        if (Sentence(error) is not { } sentence) return false;
        Tell(logger, sentence);
        return true;
    }

    /// <summary>True for a line of the client that says the same; it comes also while nobody asks the client for its errors.</summary>
    internal static bool Covers(ILogger logger, LogMessage line)
    {
        if (line.Message.Contains("brokers are down", StringComparison.Ordinal)) return Now is not null;
        if (line.Message.Contains("SASL authentication error", StringComparison.Ordinal))
            Tell(logger, LoginSentence(line.Message, Library.Version));
        else if (HandshakeSentence(line.Message) is { } sentence)
            Tell(logger, sentence);
        else
            // Newer clients give each step of a failed handshake a line as well.
            return line.Facility == "SSL" && Now is not null;
        return true;
    }

    private static void Tell(ILogger logger, string sentence)
    {
        lock (Gate)
        {
            var due = sentence != _sentence || TimeProvider.System.GetElapsedTime(_logged) > Pause;
            (_sentence, _seen) = (sentence, TimeProvider.System.GetTimestamp());
            if (!due) return;
            _logged = _seen;
        }
        Refused(logger, sentence);
    }

    private static string? Sentence(Error error) => error.Code switch
    {
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed => LoginSentence(error.Reason, Library.Version),
        ErrorCode.Local_Ssl => HandshakeSentence(error.Reason) ?? Handshake,
        // So newer clients call what older ones call Local_Ssl.
        ErrorCode.Local_Transport => HandshakeSentence(error.Reason),
        _ => null,
    };

    private static string? HandshakeSentence(string text) =>
        !text.Contains("SSL handshake failed", StringComparison.Ordinal) && !text.Contains("SSL routines", StringComparison.Ordinal) ? null
        : text.Contains("certificate", StringComparison.Ordinal) ? Certificate : Handshake;

    [LoggerMessage(EventId = 9003, EventName = "KafkaRefusal", Level = LogLevel.Error, Message = "{Sentence}")]
    private static partial void Refused(ILogger logger, string sentence);
}

/// <summary>Not ready while Kafka does not let the service in.</summary>
public sealed class KafkaLoginCheck : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(KafkaRefusal.Now is { } sentence ? HealthCheckResult.Unhealthy(sentence) : HealthCheckResult.Healthy());
}
