using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>Who sent to whom, and where.</summary>
public sealed record FlowName(string SrcApp, string DestApp, string VpcId);

/// <summary>Sums of a flow in an hour over the arrays of one input partition.</summary>
public sealed record FlowPartial(long Hour, FlowName Name, int Partition, FlowSum Sum);
