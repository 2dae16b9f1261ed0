//go:build race

package secureconv

// raceDetector says that this test binary reports data races.
const raceDetector = true
