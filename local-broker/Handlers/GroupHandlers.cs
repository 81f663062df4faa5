using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Membership of groups.</summary>
internal sealed class GroupHandlers(BrokerState state)
{
    public async ValueTask<WireWriter?> JoinAsync(RequestContext context)
    {
        Key11JoinGroup.Response answer = await state.Groups.JoinAsync(ReadJoin(context), context.Version, context.Header.ClientId ?? "", context.ClientHost);
        WireWriter response = context.StartResponse();
        Key11JoinGroup.Write(response, context.Version, answer);
        return response;
    }

    public async ValueTask<WireWriter?> SyncAsync(RequestContext context)
    {
        Key14SyncGroup.Response answer = await state.Groups.SyncAsync(ReadSync(context));
        WireWriter response = context.StartResponse();
        Key14SyncGroup.Write(response, context.Version, answer);
        return response;
    }

    public WireWriter Heartbeat(RequestContext context)
    {
        WireReader reader = context.Reader();
        ErrorCode error = state.Groups.Heartbeat(Key12Heartbeat.Read(ref reader, context.Version));
        WireWriter response = context.StartResponse();
        Key12Heartbeat.Write(response, context.Version, error);
        return response;
    }

    public WireWriter Leave(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key13LeaveGroup.Request request = Key13LeaveGroup.Read(ref reader, context.Version);
        WireWriter response = context.StartResponse();
        Key13LeaveGroup.Write(response, context.Version, ErrorCode.None, state.Groups.Leave(request));
        return response;
    }

    private static Key11JoinGroup.Request ReadJoin(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key11JoinGroup.Read(ref reader, context.Version);
    }

    private static Key14SyncGroup.Request ReadSync(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key14SyncGroup.Read(ref reader, context.Version);
    }
}
