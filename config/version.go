package config

import (
	"strconv"
	"time"
)

// VersionTime counts the seconds since 2000-01-01T00:00:00Z (OPC 10000-4, 7.43).
// It wraps in 2136. 0 says that there is no version.
type VersionTime uint32

var versionEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// VersionAt returns the version of an instant; instants before 2000 give 0.
func VersionAt(t time.Time) VersionTime {
	s := t.Unix() - versionEpoch.Unix()
	if s < 0 {
		return 0
	}
	return VersionTime(s)
}

// Time returns the instant that the version stands for, in UTC.
func (v VersionTime) Time() time.Time {
	return versionEpoch.Add(time.Duration(v) * time.Second)
}

// String gives the instant and, in brackets, the number on the wire.
func (v VersionTime) String() string {
	if v == 0 {
		return "none (0)"
	}
	return v.Time().Format(time.RFC3339) + " (" + strconv.FormatUint(uint64(v), 10) + ")"
}
