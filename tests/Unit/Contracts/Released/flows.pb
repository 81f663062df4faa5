
“
Contracts/flows.prototally.v1"*
	FlowArray
flows (2.tally.v1.Flow"k
Flow
src_app (	
dest_app (	
vpc_id (	
bytes_tx (
bytes_rx (
hour ("i
FlowSum
bytes_tx (
bytes_rx (
	saturated (

generation (
next_offset ("I
FlowKeys
hour (
chunk (

generation (
keys (BªTally.Shared.Contractsbproto3