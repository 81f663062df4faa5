using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>
/// Fetch with long polling: an answer waits for the bytes asked for, and is woken by appends and by the end of transactions. Errors are answered at once.
/// </summary>
internal sealed class FetchHandler(BrokerState state)
{
    // Clients ask for up to 50 MiB; smaller answers keep the buffers, and so the broker, small without costing throughput.
    private const int ResponseBytesMax = 8 * 1024 * 1024;

    public async ValueTask<WireWriter?> HandleAsync(RequestContext context)
    {
        Key01Fetch.Request request = Read(context);
        if (request.SessionId > 0)
            return Refused(context, ErrorCode.FetchSessionIdNotFound);
        TimeProvider time = state.Options.TimeProvider;
        long start = time.GetTimestamp();
        var limit = TimeSpan.FromMilliseconds(Math.Max(0, request.MaxWaitMs));
        List<Planned>? before = null;
        while (true)
        {
            List<Planned> plans = PlanAll(request, before, out bool answerNow, out long available);
            TimeSpan left = limit - time.GetElapsedTime(start);
            if (answerNow || request.MinBytes <= 0 || left <= TimeSpan.Zero || context.Closed.IsCancellationRequested)
                return Answer(context, request, plans);
            await WaitAsync(plans, request.MinBytes - available, request.CommittedOnly, left, context.Closed);
            before = plans;
        }
    }

    private static Key01Fetch.Request Read(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key01Fetch.Read(ref reader, context.Version);
    }

    private static WireWriter Refused(RequestContext context, ErrorCode error)
    {
        WireWriter response = context.StartResponse();
        Key01Fetch.WriteHead(response, context.Version, error, 0);
        return response;
    }

    /// <param name="request">What is asked for.</param>
    /// <param name="before">The logs that were waited for: one that was deleted meanwhile is not replaced by another of its name.</param>
    /// <param name="answerNow">There is an error to tell, or all that will come.</param>
    /// <param name="available">Bytes.</param>
    private List<Planned> PlanAll(Key01Fetch.Request request, List<Planned>? before, out bool answerNow, out long available)
    {
        var plans = new List<Planned>();
        available = 0;
        answerNow = request.Topics.Length == 0;
        foreach (Key01Fetch.TopicRequest topic in request.Topics)
        {
            foreach (Key01Fetch.PartitionRequest partition in topic.Partitions)
            {
                PartitionLog? log = before is null ? state.Topics.Find(topic.Name, partition.Index) : before[plans.Count].Log;
                ReadPlan plan = log is null
                    ? ReadPlan.Refused(ErrorCode.UnknownTopicOrPartition, [])
                    : log.Plan(partition.Offset, partition.MaxBytes, request.CommittedOnly);
                ErrorCode epochError = partition.LeaderEpoch > 0 ? ErrorCode.UnknownLeaderEpoch : ErrorCode.None;
                if (log is not null && epochError != ErrorCode.None)
                    plan = ReadPlan.Refused(epochError);
                plans.Add(new Planned(log, plan));
                // The rest of a closed segment never grows to what was asked for: what follows comes with the next fetch, as from Kafka.
                answerNow |= plan.Error != ErrorCode.None || plan.GoesOn;
                // Even where the asked-for size is 0 the first batch would be sent.
                available += plan.Segment is null ? 0 : Math.Max(1, plan.Available);
            }
        }

        answerNow |= available >= request.MinBytes;
        return plans;
    }

    private async Task WaitAsync(List<Planned> plans, long bytes, bool committedOnly, TimeSpan left, CancellationToken closed)
    {
        using var waiter = new FetchWaiter(bytes, state.Options.TimeProvider, left, closed);
        foreach (Planned planned in plans)
            planned.Log!.WaitForMore(waiter, planned.Plan, committedOnly);
        await waiter.Woken;
        foreach (Planned planned in plans)
            planned.Log!.Unregister(waiter);
    }

    private static WireWriter Answer(RequestContext context, Key01Fetch.Request request, List<Planned> plans)
    {
        WireWriter response = context.StartResponse(EstimateSize(request, plans));
        Key01Fetch.WriteHead(response, context.Version, ErrorCode.None, request.Topics.Length);
        int left = Math.Clamp(request.MaxBytes, 0, ResponseBytesMax);
        bool empty = true;
        int next = 0;
        foreach (Key01Fetch.TopicRequest topic in request.Topics)
        {
            response.WriteString(topic.Name);
            response.WriteArrayLength(topic.Partitions.Length);
            foreach (Key01Fetch.PartitionRequest partition in topic.Partitions)
            {
                Planned planned = plans[next++];
                int read = WritePartition(response, context.Version, partition.Index, planned, left, atLeastOne: empty);
                left = Math.Max(0, left - read);
                empty &= read == 0;
            }
        }

        return response;
    }

    private static int WritePartition(WireWriter response, short version, int index, in Planned planned, int bytesMax, bool atLeastOne)
    {
        ReadPlan plan = planned.Plan with { Available = Math.Min(planned.Plan.Available, bytesMax) };
        int start = response.Length;
        WriteHead(response, version, index, plan, plan.Error);
        int lengthAt = response.ReserveInt32();
        (int read, ErrorCode error) = planned.Log?.Read(plan, atLeastOne, response) ?? (0, ErrorCode.None);
        if (error != ErrorCode.None)
        {
            response.Truncate(start);
            WriteHead(response, version, index, plan, error);
            response.WriteInt32(0);
            return 0;
        }

        response.PatchInt32(lengthAt, read);
        return read;
    }

    private static void WriteHead(WireWriter response, short version, int index, in ReadPlan plan, ErrorCode error) =>
        Key01Fetch.WritePartitionHead(response, version, new Key01Fetch.PartitionHead(
            index, error, plan.Offsets.HighWatermark, plan.Offsets.LastStable, plan.Offsets.Start,
            plan.Aborted?.ConvertAll(static a => new Key01Fetch.AbortedTransaction(a.ProducerId, a.FirstOffset))));

    private static int EstimateSize(Key01Fetch.Request request, List<Planned> plans)
    {
        long size = 256 + (plans.Count * 64L) + Math.Min(Math.Max(0, request.MaxBytes), plans.Sum(p => (long)p.Plan.Available));
        return (int)Math.Min(size, ResponseBytesMax);
    }

    private readonly record struct Planned(PartitionLog? Log, ReadPlan Plan);
}
