namespace Tally.Shared.Hosting;

/// <summary>Names of process slots (<c>Processor:Instance</c>, <c>Materializer:Instance</c>).</summary>
public static class InstanceName
{
    /// <summary>Stands for the host's name: containers of one service have the same settings, and each a host name that survives a restart.</summary>
    public const string Host = "{host}";

    public static string Of(string setting) => setting.Replace(Host, Environment.MachineName, StringComparison.Ordinal);
}
