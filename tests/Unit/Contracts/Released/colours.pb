
È
Contracts/colours.prototally.v1"·
ColoursProgress

generation (R
generation!
next_offsets (RnextOffsets
counted (RcountedP
dead_lettered (2+.tally.v1.ColoursProgress.DeadLetteredEntryRdeadLettered
aged_out (RagedOut)
segments_dropped (RsegmentsDropped+
drops (2.tally.v1.ColoursDropRdrops
since_ms (RsinceMs&
committed_at_ms	 (RcommittedAtMs?
DeadLetteredEntry
key (	Rkey
value (Rvalue:8"F
ColoursDrop
below (Rbelow!
next_offsets (RnextOffsetsBªTally.Shared.Contractsbproto3