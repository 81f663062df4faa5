return await Tally.LocalBroker.Server.CommandLine.RunAsync(args);
