using Tally.LocalBroker.Protocol.Messages;

namespace Tally.LocalBroker.Coordinators;

/// <summary>One consumer in a group, with what it waits for.</summary>
internal sealed class GroupMember(string id, string? instance, string clientId, string clientHost)
{
    public string Id { get; } = id;

    public string? Instance { get; } = instance;

    public string ClientId { get; } = clientId;

    public string ClientHost { get; } = clientHost;

    public TimeSpan SessionTimeout { get; set; }

    public TimeSpan RebalanceTimeout { get; set; }

    public Key11JoinGroup.Protocol[] Protocols { get; set; } = [];

    public byte[] Assignment { get; set; } = [];

    /// <summary>Ends the session unless the member is heard of; off while it waits for an answer.</summary>
    public ITimer? SessionTimer { get; set; }

    /// <summary>Timestamp of the clock before which a late timer callback means nothing.</summary>
    public long SessionDeadline { get; set; }

    public TaskCompletionSource<Key11JoinGroup.Response>? Joining { get; set; }

    public TaskCompletionSource<Key14SyncGroup.Response>? Syncing { get; set; }

    public bool IsWaiting => Joining is not null || Syncing is not null;

    public bool HasSameProtocols(Key11JoinGroup.Protocol[] others) =>
        Protocols.Length == others.Length
        && Protocols.Zip(others).All(p => p.First.Name == p.Second.Name && p.First.Metadata.AsSpan().SequenceEqual(p.Second.Metadata));

    public byte[] MetadataFor(string protocol) => Protocols.FirstOrDefault(p => p.Name == protocol)?.Metadata ?? [];

    public void AnswerJoin(Key11JoinGroup.Response response)
    {
        Joining?.TrySetResult(response);
        Joining = null;
    }

    public void AnswerSync(Key14SyncGroup.Response response)
    {
        Syncing?.TrySetResult(response);
        Syncing = null;
    }
}
