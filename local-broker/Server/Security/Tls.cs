using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server.Security;

/// <summary>TLS on the listener, with a certificate and key from PEM files.</summary>
internal sealed class Tls
{
    private readonly SslServerAuthenticationOptions _options;

    private Tls(SslServerAuthenticationOptions options) => _options = options;

    /// <summary>The first certificate of the file is the broker's, those behind it lead to its root. Throws <see cref="DataFolderException"/> with a sentence.</summary>
    public static Tls Load(string certificatePath, string? keyPath)
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(certificatePath, keyPath ?? certificatePath);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificatePath);
            return new Tls(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new DataFolderException($"--tls-certificate {certificatePath} and its key cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Shakes hands on a new connection. Throws <see cref="AuthenticationException"/> or <see cref="IOException"/> when the client does not agree.</summary>
    public async Task<SslStream> AcceptAsync(Stream transport, CancellationToken cancellationToken)
    {
        var stream = new SslStream(transport, leaveInnerStreamOpen: false);
        try
        {
            await stream.AuthenticateAsServerAsync(_options, cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }
}
