using Tally.Bench.State;

// What state under a budget costs: `fill` runs the job on made events without a broker, `restore` the engine on a broker, `week` writes a changelog for it.
return args switch
{
    ["fill", var order, var uniques, var hours, var megabytes] => Fill.Run(order, Number(uniques), (int)Number(hours), Number(megabytes)),
    ["restore", var bootstrap, var uniques, var hours] => Restore.Run(bootstrap, Number(uniques), (int)Number(hours)),
    ["restore", var bootstrap] => Restore.Run(bootstrap),
    ["week", var bootstrap, var events, var users, var commits] => Week.Run(bootstrap, (int)Number(events), (int)Number(users), (int)Number(commits)),
    _ => Usage(),
};

static long Number(string text) => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

static int Usage()
{
    Console.Error.WriteLine("usage: StateBench fill uniform|current UNIQUES HOURS BUDGET_MB | restore BOOTSTRAP [UNIQUES HOURS] | week BOOTSTRAP EVENTS_A_COMMIT USERS_AN_HOUR COMMITS_AN_HOUR");
    return 2;
}
