using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tally.Tests.Support.LocalBroker;

/// <summary>A certificate authority, a certificate for 127.0.0.1 and a file of users, in a folder of their own.</summary>
public sealed class BrokerSecrets : IDisposable
{
    public const string User = "tally";
    public const string Password = "correct horse: battery";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-secrets-");

    public BrokerSecrets()
    {
        using var caKey = RSA.Create(2048);
        var caRequest = new CertificateRequest("CN=Tally test CA", caKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        caRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 ca = caRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=local-broker", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(ca, now.AddDays(-1), now.AddDays(20), [1, 2, 3, 4]);
        File.WriteAllText(CaFile, ca.ExportCertificatePem());
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(UsersFile, $"# name:password\nother:else\n{User}:{Password}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(UsersFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public string CaFile => Path.Combine(_folder.FullName, "ca.pem");

    public string CertificateFile => Path.Combine(_folder.FullName, "broker.pem");

    public string KeyFile => Path.Combine(_folder.FullName, "broker.key");

    public string UsersFile => Path.Combine(_folder.FullName, "users");

    /// <summary>Options that make a broker ask for both.</summary>
    public string[] BrokerOptions => ["--tls-certificate", CertificateFile, "--tls-key", KeyFile, "--sasl-users", UsersFile];

    /// <summary>Settings that make a broker of Apache Kafka ask for both, by PLAIN or SCRAM-SHA-512; brokers know each other by PLAIN.</summary>
    public string[] KafkaSettings
    {
        get
        {
            var store = Path.Combine(_folder.FullName, "store.pem");
            File.WriteAllText(store, File.ReadAllText(KeyFile) + "\n" + File.ReadAllText(CertificateFile) + "\n" + File.ReadAllText(CaFile));
            const string PlainLogin = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"broker\" password=\"among brokers\" user_broker=\"among brokers\" user_" + User + "=\"" + Password + "\";";
            return
            [
                // The listener keeps the name that the script of shared/kafka gives it.
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_SSL", "inter.broker.listener.name=PLAINTEXT",
                "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512", "sasl.mechanism.inter.broker.protocol=PLAIN", $"listener.name.plaintext.plain.sasl.jaas.config={PlainLogin}",
                "listener.name.plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
                "ssl.keystore.type=PEM", $"ssl.keystore.location={store}", "ssl.truststore.type=PEM", $"ssl.truststore.location={CaFile}",
            ];
        }
    }

    /// <summary>Makes a Kafka with <see cref="KafkaSettings"/> know the user by SCRAM-SHA-512.</summary>
    public void AddScramUser(RealKafka kafka)
    {
        var client = Path.Combine(_folder.FullName, "admin.properties");
        File.WriteAllText(client,
            $"""
            security.protocol=SASL_SSL
            sasl.mechanism=PLAIN
            sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="among brokers";
            ssl.truststore.type=PEM
            ssl.truststore.location={CaFile}
            """);
        kafka.Tool($"kafka.admin.ConfigCommand --bootstrap-server {kafka.Bootstrap} --command-config {client} --alter --entity-type users --entity-name {User} --add-config 'SCRAM-SHA-512=[password={Password}]'");
    }

    /// <summary>Properties that make a client do both.</summary>
    public Dictionary<string, string> Client(string password = Password, string mechanism = "PLAIN") => new()
    {
        ["security.protocol"] = "SASL_SSL",
        ["sasl.mechanism"] = mechanism,
        ["sasl.username"] = User,
        ["sasl.password"] = password,
        ["ssl.ca.location"] = CaFile,
    };

    public void Dispose()
    {
        if (Directory.Exists(_folder.FullName))
            _folder.Delete(recursive: true);
    }
}
