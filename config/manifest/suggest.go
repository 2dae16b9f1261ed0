package manifest

import (
	"strings"

	"github.com/uapush/uapush/config"
)

// nearest gives the candidate that a mistyped word was probably meant to be.
func nearest(word string, candidates []string) (string, bool) {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := config.Distance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best, best != "" && bestDistance < len(word)
}

// nearMiss tells a mistyped reference from a name that only the server knows:
// at most two edits. Names that differ in their number only are two names.
func nearMiss(word string, candidates []string) (string, bool) {
	best, bestDistance := "", 3
	for _, c := range candidates {
		if strings.TrimRight(word, "0123456789") == strings.TrimRight(c, "0123456789") {
			continue
		}
		if d := config.Distance(word, c); d < bestDistance && d < len(word) {
			best, bestDistance = c, d
		}
	}
	return best, best != ""
}
