using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Tally.Shared.ReadModel;

/// <summary>
/// Judges a server's certificate: accepts what the system accepts, and what the authorities of <c>Redis:CaFile</c> signed; the name must fit in both cases.
/// </summary>
internal sealed class RedisCertificates
{
    private readonly X509Certificate2Collection _authorities = [];

    /// <param name="file">PEM; empty for the system's authorities alone.</param>
    public RedisCertificates(string file)
    {
        if (file.Length > 0) _authorities.ImportFromPemFile(file);
    }

    /// <summary>Why the last one was refused; <see cref="SslPolicyErrors.None"/> when none was.</summary>
    public SslPolicyErrors Refused { get; private set; }

    public bool Accept(object sender, X509Certificate? certificate, X509Chain? presented, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None || (errors == SslPolicyErrors.RemoteCertificateChainErrors && IsSigned(certificate, presented))) return true;
        Refused = errors;
        return false;
    }

    private bool IsSigned(X509Certificate? certificate, X509Chain? presented)
    {
        if (_authorities.Count == 0 || certificate is not X509Certificate2 own) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        if (presented is not null) chain.ChainPolicy.ExtraStore.AddRange(presented.ChainElements.Select(e => e.Certificate).ToArray());
        return chain.Build(own);
    }
}
