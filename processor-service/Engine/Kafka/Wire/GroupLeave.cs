using System.Net.Sockets;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>
/// Takes a static member out of its group at once (KIP-345). librdkafka closes one without a word, since it may be back soon, and its partitions stand still for the
/// session's time-out. One that is told to end says goodbye here; one that was killed is still waited for.
/// </summary>
internal sealed class GroupLeave(string bootstrapServers, string clientId)
{
    private const short FindCoordinatorVersion = 1;
    private const short LeaveGroupVersion = 3;
    private const int LookEveryMicroseconds = 10_000;

    private readonly RequestWriter _request = new();
    private long _untilMs;

    /// <summary>Asks the group's coordinator.</summary>
    /// <param name="group">The group.</param>
    /// <param name="member">Its id from the group: whoever joined with the same name since keeps its place.</param>
    /// <param name="instance">Its name.</param>
    /// <param name="limit">How long it may take in all.</param>
    /// <returns>Null, or why it is still a member; then its session runs out by itself.</returns>
    public string? Leave(string group, string member, string instance, TimeSpan limit)
    {
        _untilMs = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        string? fault = null;
        foreach (var server in Endpoint.Parse(bootstrapServers))
        {
            try
            {
                return AskToLeave(FindCoordinator(server, group), group, member, instance);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                fault = $"{server}: {e.Message}";
            }
        }
        return fault;
    }

    private Endpoint FindCoordinator(Endpoint server, string group)
    {
        _request.Begin(ApiKey.FindCoordinator, FindCoordinatorVersion, 1, clientId);
        _request.String(group);
        _request.Int8(0);
        var answer = new AnswerReader(Ask(server));
        answer.Int32();
        answer.Int32();
        if ((ErrorCode)answer.Int16() is not ErrorCode.NoError and var error) throw new IOException($"asked for the group's coordinator it says {error}");
        answer.String();
        answer.Int32();
        return new Endpoint(answer.String(), answer.Int32());
    }

    private string? AskToLeave(Endpoint coordinator, string group, string member, string instance)
    {
        _request.Begin(ApiKey.LeaveGroup, LeaveGroupVersion, 2, clientId);
        _request.String(group);
        _request.Int32(1);
        _request.String(member);
        _request.String(instance);
        var answer = new AnswerReader(Ask(coordinator));
        answer.Int32();
        answer.Int32();
        var error = (ErrorCode)answer.Int16();
        if (error == ErrorCode.NoError && answer.Count() > 0)
        {
            answer.String();
            answer.String();
            error = (ErrorCode)answer.Int16();
        }
        return error == ErrorCode.NoError ? null : $"{coordinator} says {error}";
    }

    /// <summary>Over each of its addresses, until one answers.</summary>
    private ReadOnlySpan<byte> Ask(Endpoint server)
    {
        while (true)
        {
            try
            {
                return AskOnce(server);
            }
            catch (Exception e) when (e is IOException or SocketException && !server.Failed(Environment.TickCount64) && Environment.TickCount64 < _untilMs)
            {
            }
        }
    }

    private BrokerConnection Connect(Endpoint server)
    {
        using var never = new ManualResetEvent(false);
        while (true)
        {
            var now = Environment.TickCount64;
            if (now >= _untilMs) throw new IOException("It was not connected to in time.");
            if (server.TryConnect(now, _untilMs) is { } connection) return connection;
            never.WaitOne((int)Math.Clamp(server.TryAtMs - now, 1, 10));
        }
    }

    private ReadOnlySpan<byte> AskOnce(Endpoint server)
    {
        using var connection = Connect(server);
        while (true)
        {
            var answered = connection.TryAdvance(Environment.TickCount64);
            if (answered)
            {
                var bytes = connection.Take([], out var length);
                return bytes.AsSpan(4, length - 4);
            }
            if (connection.IsFree) connection.Ask(_request.End(), _untilMs);
            else connection.Socket.Poll(LookEveryMicroseconds, connection.Writes ? SelectMode.SelectWrite : SelectMode.SelectRead);
        }
    }
}
