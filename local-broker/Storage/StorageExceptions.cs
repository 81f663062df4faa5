namespace Tally.LocalBroker.Storage;

/// <summary>Stored data cannot be used as it is: damaged, from a newer version, or locked. The message is a sentence for a person.</summary>
public sealed class DataFolderException : Exception
{
    public DataFolderException()
    {
    }

    public DataFolderException(string message)
        : base(message)
    {
    }

    public DataFolderException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
