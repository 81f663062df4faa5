namespace Tally.Shared.Hosting;

/// <summary>A setting or a dependency is wrong in a way that only a person can mend; the message is one sentence that says how.</summary>
public sealed class ConfigurationException(string message, Exception? inner = null) : Exception(message, inner);
