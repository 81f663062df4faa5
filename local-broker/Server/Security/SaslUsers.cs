using System.Security.Cryptography;
using System.Text;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server.Security;

/// <summary>Who may log in by SASL/PLAIN (RFC 4616): a file with a line <c>name:password</c> for each, which nobody but its owner may read.</summary>
internal sealed class SaslUsers
{
    public const string Mechanism = "PLAIN";
    private const UnixFileMode OfOthers = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private readonly Dictionary<string, byte[]> _users = new(StringComparer.Ordinal);

    private SaslUsers()
    {
    }

    /// <summary>Throws <see cref="DataFolderException"/> with a sentence that never holds a password.</summary>
    public static SaslUsers Load(string path)
    {
        string[] lines;
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & OfOthers) != 0)
                throw new DataFolderException($"--sasl-users: {path} can be read or written by others; run chmod 600 {path}.");
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFolderException($"--sasl-users: {path} cannot be read: {e.Message}", e);
        }

        var users = new SaslUsers();
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line.StartsWith('#'))
                continue;
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || colon == line.Length - 1)
                throw new DataFolderException($"--sasl-users: line {i + 1} of {path} is not name:password.");
            users._users[line[..colon]] = Hash(line[(colon + 1)..]);
        }

        return users._users.Count > 0 ? users : throw new DataFolderException($"--sasl-users: {path} names nobody; write lines of name:password.");
    }

    /// <summary>Whether a PLAIN token holds a known name and its password. The time it takes does not tell how much of it was right.</summary>
    public bool Accepts(ReadOnlySpan<byte> token)
    {
        // [identity to act as] NUL name NUL password
        int first = token.IndexOf((byte)0);
        if (first < 0)
            return false;
        ReadOnlySpan<byte> rest = token[(first + 1)..];
        int second = rest.IndexOf((byte)0);
        if (second < 0)
            return false;
        string name = Encoding.UTF8.GetString(rest[..second]);
        string actAs = Encoding.UTF8.GetString(token[..first]);
        byte[] given = Hash(Encoding.UTF8.GetString(rest[(second + 1)..]));
        bool known = _users.TryGetValue(name, out byte[]? expected);
        return CryptographicOperations.FixedTimeEquals(given, expected ?? new byte[given.Length]) & known & (actAs.Length == 0 || actAs == name);
    }

    // Of equal length for all, so that a comparison tells nothing about the password's own.
    private static byte[] Hash(string password) => SHA256.HashData(Encoding.UTF8.GetBytes(password));
}
