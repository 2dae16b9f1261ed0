// Command fuzz turns the output of make fuzz, which it passes on, into a table of
// README.md.
package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"os"

	"github.com/uapush/uapush/testdata/tables"
)

func main() {
	log.SetFlags(0)
	readme := flag.String("readme", "README.md", "file with the table")
	flag.Parse()
	var output bytes.Buffer
	if _, err := io.Copy(os.Stdout, io.TeeReader(os.Stdin, &output)); err != nil {
		log.Fatal(err)
	}
	table, err := tables.Fuzz(&output)
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(*readme)
	if err != nil {
		log.Fatal(err)
	}
	before, _, after, err := tables.Section(string(text), "fuzz-table")
	if err != nil {
		log.Fatalf("%s: %v", *readme, err)
	}
	if err := os.WriteFile(*readme, []byte(before+table+after), 0o644); err != nil {
		log.Fatal(err)
	}
}
