package manifest

import (
	"strings"
)

// nearest gives the candidate that a mistyped word was probably meant to be.
func nearest(word string, candidates []string) (string, bool) {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
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
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance && d < len(word) {
			best, bestDistance = c, d
		}
	}
	return best, best != ""
}

// distance counts the characters to insert, delete, replace or swap with their
// neighbour. Long words are not compared.
func distance(a, b string) int {
	const longest = 64
	if a == b {
		return 0
	}
	if len(a) > longest || len(b) > longest {
		return longest
	}
	ra, rb := []rune(a), []rune(b)
	rows := make([][]int, len(ra)+1)
	for i := range rows {
		rows[i] = make([]int, len(rb)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(ra); i++ {
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(ra)][len(rb)]
}
