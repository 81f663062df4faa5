

Contracts/frames.prototally.v1"k

FrameChunk
kind (	
start (
chunk (

generation (
frames (
users ("_

FrameClock

generation (
stands (
now (
taken (
	watermark ("Î
	FrameHeld

generation (
offset (
seconds (
user (
appended_at (
taken_before (
has_key (
key (
value	 (&
headers
 (2.tally.v1.FrameHeader"*
FrameHeader
name (	
value (BªTally.Shared.Contractsbproto3