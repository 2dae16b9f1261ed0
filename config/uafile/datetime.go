package uafile

import (
	"math"
	"time"
)

// A DateTime counts 100 ns ticks since 1601-01-01 UTC (OPC 10000-6, 5.2.2.5).
// 0 and less say "earliest", from 9999-12-31T23:59:59 on it says "latest".
const (
	ticksPerSecond = 10_000_000
	epochToUnix    = 11_644_473_600  // seconds from 1601 to 1970
	latestUnix     = 253_402_300_799 // 9999-12-31T23:59:59Z
	latestTicks    = (latestUnix + epochToUnix) * ticksPerSecond
)

// timeOf gives the zero time for "earliest".
func timeOf(ticks int64) time.Time {
	switch {
	case ticks <= 0:
		return time.Time{}
	case ticks >= latestTicks:
		return time.Unix(latestUnix, 0).UTC()
	}
	return time.Unix(ticks/ticksPerSecond-epochToUnix, ticks%ticksPerSecond*100).UTC()
}

// ticksOf drops what is finer than a tick.
func ticksOf(t time.Time) int64 {
	s := t.Unix()
	switch {
	case s < -epochToUnix:
		return 0
	case s >= latestUnix:
		return math.MaxInt64
	}
	return (s+epochToUnix)*ticksPerSecond + int64(t.Nanosecond()/100)
}
