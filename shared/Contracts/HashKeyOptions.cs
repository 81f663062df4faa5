using System.ComponentModel.DataAnnotations;
using Tally.Shared.Hosting;

namespace Tally.Shared.Contracts;

/// <summary>Section <c>HashKey</c>: where the 256-bit key of <see cref="UserHasher"/> comes from.</summary>
public sealed class HashKeyOptions
{
    public const string Section = "HashKey";

    /// <summary>File with 64 hex digits, mode 0600. <c>make up</c> makes one in the data folder. One of File and Value is required.</summary>
    public string? File { get; set; }

    /// <summary>The 64 hex digits themselves, for secret stores that hand them over as environment variables. Wins over File.</summary>
    [RegularExpression("^[0-9a-fA-F]{64}$", ErrorMessage = "HashKey:Value must be 64 hex digits (256 bits).")]
    public string? Value { get; set; }

    /// <summary>Reads the key.</summary>
    /// <exception cref="ConfigurationException">Missing, unreadable or not 64 hex digits; the message says what to do.</exception>
    public UserHasher CreateHasher()
    {
        if (!string.IsNullOrEmpty(Value)) return new UserHasher(Convert.FromHexString(Value));
        if (string.IsNullOrEmpty(File))
            throw new ConfigurationException("HashKey:File is not set: name a file with 64 hex digits (`make up` makes one), or set HashKey:Value.");
        string text;
        try
        {
            text = System.IO.File.ReadAllText(File).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"HashKey:File {File} cannot be read ({e.Message}): make one with `openssl rand -hex 32 > {File}`.", e);
        }
        if (text.Length != 64 || !text.All(Uri.IsHexDigit))
            throw new ConfigurationException($"HashKey:File {File} must hold 64 hex digits (256 bits); it holds {text.Length} characters.");
        return new UserHasher(Convert.FromHexString(text));
    }
}
