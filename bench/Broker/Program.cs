using System.Globalization;
using System.Text.RegularExpressions;
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
// One row or a few: BENCH_ROWS=consume (a regular expression).
var rows = new Regex(Environment.GetEnvironmentVariable("BENCH_ROWS") ?? "");
int turns = int.Parse(Environment.GetEnvironmentVariable("BENCH_ROUNDS") ?? "3", CultureInfo.InvariantCulture);
const int Small = 1_000_000, Large = 400_000, Transactional = 200_000;
var ours = new Contender("local-broker", port, args[1], args[2]);
Contender[] contenders = args.Length == 6 ? [ours, new Contender("kafka", port + 10, args[4], args[5])] : [ours];

Print("ready, ms", "0", [.. contenders.Select(c => c.Start())]);
int topics = 0;
try
{
    foreach (Contender contender in contenders) Produce(contender, Small, 200, false);   // warms both up
    Compare("produce 200 B", c => Produce(c, Small, 200, false).Reading);
    Compare("produce 1 KB", c => Produce(c, Large, 1024, false).Reading);
    Compare("produce 200 B in transactions of 1,000", c => Produce(c, Transactional, 200, true).Reading);
    Compare("consume 200 B", c => Consume(c, Small, 200, false));
    Compare("consume 1 KB", c => Consume(c, Large, 1024, false));
    Compare("consume 200 B of transactions", c => Consume(c, Transactional, 200, true));
    CompareDelays();
    Print("resident with the backlog of all this, MB", "0", [.. contenders.Select(c => c.Memory())]);
}
finally
{
    foreach (Contender contender in contenders) contender.Stop();
}

if (!rows.IsMatch("group commit")) return 0;
var group = new Contender("local-broker, fsync before each answer", port, args[3], args[2]);
group.Start();
try
{
    Produce(group, Small, 200, false);
    Print("produce 200 B with group commit, records/s", "0", [Produce(group, Small, 200, false).Reading.Rate]);
    Print("produce 200 B in transactions of 1,000 with group commit, records/s", "0", [Produce(group, Transactional, 200, true).Reading.Rate]);
}
finally
{
    group.Stop();
}
return 0;

(string Topic, Reading Reading) Produce(Contender contender, int records, int size, bool transactions)
{
    var work = new Workload(contender.Bootstrap);
    string topic = $"bench-{topics++}";
    work.CreateTopic(topic);
    return (topic, Read(contender, records, () => work.Produce(topic, records, size, transactions)));
}

Reading Consume(Contender contender, int records, int size, bool transactions)
{
    (string topic, _) = Produce(contender, records, size, transactions);
    return Read(contender, records, () => new Workload(contender.Bootstrap).Consume(topic, records));
}

Reading Read(Contender contender, int records, Func<double> work)
{
    double before = contender.CpuSeconds();
    double rate = work();
    return new Reading(rate, (contender.CpuSeconds() - before) / records * 1_000_000);
}

(double P50, double P99) Delay(Contender contender)
{
    var work = new Workload(contender.Bootstrap);
    string topic = $"bench-{topics++}";
    work.CreateTopic(topic);
    return work.Latency(topic, 5000, 8);
}

// In turns, the median of each, so that a busy moment of the machine does not decide.
void Compare(string what, Func<Contender, Reading> measure)
{
    if (!rows.IsMatch(what)) return;
    Reading[][] rounds = [.. Enumerable.Range(0, turns).Select(_ => contenders.Select(measure).ToArray())];
    Print(what + ", records/s", "0", Medians(rounds, r => r.Rate));
    // How much of the work is the broker's: where both are idle for most of the time, the client is what is measured.
    Print(what + ", the broker's CPU seconds per 1,000,000 records", "0.00", Medians(rounds, r => r.Cpu));
}

void CompareDelays()
{
    if (!rows.IsMatch("latency")) return;
    (double P50, double P99)[][] rounds = [.. Enumerable.Range(0, turns).Select(_ => contenders.Select(Delay).ToArray())];
    Print("latency at 5,000/s p50, ms", "0.00", Medians(rounds, d => d.P50));
    Print("latency at 5,000/s p99, ms", "0.00", Medians(rounds, d => d.P99));
}

double[] Medians<T>(T[][] rounds, Func<T, double> value) => [.. contenders.Select((_, i) => rounds.Select(r => value(r[i])).Order().ElementAt(rounds.Length / 2))];

void Print(string what, string format, double[] values) => Console.WriteLine(
    what + ": " + string.Join(", ", values.Select((v, i) => $"{contenders[i].Name} {v.ToString(format, CultureInfo.InvariantCulture)}"))
    + (values.Length == 2 ? $", ratio {values[0] / values[1]:0.00}" : ""));

/// <summary>Records a second, and CPU seconds of the broker for a million of them.</summary>
internal readonly record struct Reading(double Rate, double Cpu);
