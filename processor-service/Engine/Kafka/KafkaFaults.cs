using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>The one place where Kafka's errors are read.</summary>
public static class KafkaFaults
{
    /// <summary>What an error of the transactional producer means for the session.</summary>
    public static SessionEndException OfTransaction(KafkaException e, string step) =>
        IsMigration(e.Error.Code)
            ? new MigratedException($"{step}: {e.Error.Code} ({e.Error.Reason.TrimEnd('.')}).", e)
            : new CorruptedException($"{step}: {e.Error.Code} ({e.Error.Reason.TrimEnd('.')}).", e);

    /// <summary>What an error of the group's consumer means for the session.</summary>
    public static SessionEndException OfInput(Error error, Exception? inner) =>
        IsMigration(error.Code)
            ? new MigratedException($"Consume: {error.Code} ({error.Reason.TrimEnd('.')}).", inner)
            : new CorruptedException($"Consume: {error.Code} ({error.Reason.TrimEnd('.')}).", inner);

    /// <summary>A question nobody answered, or that was refused for now.</summary>
    public static BrokerAwayException OfQuestion(KafkaException e, string question) =>
        new($"{question}: {e.Error.Code} ({e.Error.Reason.TrimEnd('.')}).", e);

    /// <summary>A fault of fetching that passes once the right broker is asked.</summary>
    public static bool IsOfLeader(ErrorCode error) => error is
        ErrorCode.NotLeaderForPartition or ErrorCode.LeaderNotAvailable or ErrorCode.UnknownTopicOrPart or ErrorCode.FencedLeaderEpoch or ErrorCode.UnknownLeaderEpoch
        or ErrorCode.ReplicaNotAvailable or ErrorCode.KafkaStorageError or ErrorCode.OffsetNotAvailable or ErrorCode.BrokerNotAvailable or ErrorCode.RequestTimedOut;

    private static bool IsMigration(ErrorCode code) => code is
        ErrorCode.Local_Fenced or ErrorCode.Local_MaxPollExceeded or ErrorCode.Local_AssignmentLost
        or ErrorCode.InvalidProducerEpoch or ErrorCode.ProducerFenced or ErrorCode.InvalidProducerIdMapping
        or ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId or ErrorCode.FencedInstanceId or ErrorCode.RebalanceInProgress;
}
