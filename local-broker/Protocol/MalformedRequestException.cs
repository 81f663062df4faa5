namespace Tally.LocalBroker.Protocol;

/// <summary>A request does not parse. The connection that sent it is closed; nothing of it is carried out.</summary>
internal sealed class MalformedRequestException : Exception
{
    public MalformedRequestException()
    {
    }

    public MalformedRequestException(string message)
        : base(message)
    {
    }

    public MalformedRequestException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
