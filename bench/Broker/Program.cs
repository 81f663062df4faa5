using System.Globalization;
using Tally.Bench.Broker;
using Tally.Shared.Kafka;

// local-broker beside a real Kafka in one run: the same client, the same work, in turns. Both promise the same: no fsync before the answer.
if (args.Length is not (4 or 6))
{
    Console.Error.WriteLine("usage: BrokerBench OUR_PORT START STOP GROUP_START [KAFKA_START KAFKA_STOP]   (Kafka's port is OUR_PORT + 10)");
    return 2;
}
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
NativeKafkaLibrary.Load();
int port = int.Parse(args[0], CultureInfo.InvariantCulture);
const int Rounds = 3, Small = 400_000, Large = 150_000, Transactional = 200_000;
var ours = new Contender("local-broker", port, args[1], args[2]);
Contender[] contenders = args.Length == 6 ? [ours, new Contender("kafka", port + 10, args[4], args[5])] : [ours];

Print("ready, ms", "0", [.. contenders.Select(c => c.Start())]);
int topics = 0;
try
{
    foreach (Contender contender in contenders) Produce(contender, Small, 200, false);   // warms both up
    Compare("produce 200 B, records/s", c => Produce(c, Small, 200, false).Rate);
    Compare("produce 1 KB, records/s", c => Produce(c, Large, 1024, false).Rate);
    Compare("produce 200 B in transactions of 1,000, records/s", c => Produce(c, Transactional, 200, true).Rate);
    Compare("consume 200 B, records/s", c => Consume(c, Small, 200, false));
    Compare("consume 1 KB, records/s", c => Consume(c, Large, 1024, false));
    Compare("consume 200 B of transactions, records/s", c => Consume(c, Transactional, 200, true));
    (double P50, double P99)[] delays = [.. contenders.Select(Delay)];
    Print("latency at 5,000/s p50, ms", "0.00", [.. delays.Select(d => d.P50)]);
    Print("latency at 5,000/s p99, ms", "0.00", [.. delays.Select(d => d.P99)]);
    Print("resident with a backlog of millions, MB", "0", [.. contenders.Select(c => c.Memory())]);
}
finally
{
    foreach (Contender contender in contenders) contender.Stop();
}

var group = new Contender("local-broker, fsync before each answer", port, args[3], args[2]);
group.Start();
try
{
    Produce(group, Small, 200, false);
    Print("produce 200 B with group commit, records/s", "0", [Produce(group, Small, 200, false).Rate]);
    Print("produce 200 B in transactions of 1,000 with group commit, records/s", "0", [Produce(group, Transactional, 200, true).Rate]);
}
finally
{
    group.Stop();
}
return 0;

(string Topic, double Rate) Produce(Contender contender, int records, int size, bool transactions)
{
    var work = new Workload(contender.Bootstrap);
    string topic = $"bench-{topics++}";
    work.CreateTopic(topic);
    return (topic, work.Produce(topic, records, size, transactions));
}

double Consume(Contender contender, int records, int size, bool transactions)
{
    (string topic, _) = Produce(contender, records, size, transactions);
    return new Workload(contender.Bootstrap).Consume(topic, records);
}

(double P50, double P99) Delay(Contender contender)
{
    var work = new Workload(contender.Bootstrap);
    string topic = $"bench-{topics++}";
    work.CreateTopic(topic);
    return work.Latency(topic, 5000, 8);
}

// In turns, the median of each, so that a busy moment of the machine does not decide.
void Compare(string what, Func<Contender, double> measure)
{
    double[][] rounds = [.. Enumerable.Range(0, Rounds).Select(_ => contenders.Select(measure).ToArray())];
    Print(what, "0", [.. contenders.Select((_, i) => rounds.Select(r => r[i]).Order().ElementAt(Rounds / 2))]);
}

void Print(string what, string format, double[] values) => Console.WriteLine(
    what + ": " + string.Join(", ", values.Select((v, i) => $"{contenders[i].Name} {v.ToString(format, CultureInfo.InvariantCulture)}"))
    + (values.Length == 2 ? $", ratio {values[0] / values[1]:0.00}" : ""));
